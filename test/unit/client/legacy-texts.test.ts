import { describe, expect, it } from "vitest";
import { readFrame, readLogPage } from "../../../src/client/answers.js";
import { parseEntries, payloadTextOf } from "../../../src/client/legacy-texts.js";
import type { LegacyEnvelope } from "../../../src/protocol/legacy-event.js";

/** A payload as deep as a request can carry one: its body is three levels around it, of the 127 that are read. */
const DEEPEST = 127 - 3;
const payload = `${"[".repeat(DEEPEST)}100.0${"]".repeat(DEEPEST)}`;
const entry = `{"kind":"event","offset":0,"sequence_number":1,"event":{"payload":${payload}},"receipt":{}}`;

describe("the texts of legacy payloads", () => {
  it("are read from every place the deepest payload that is taken comes back in", () => {
    const page = readLogPage(
      parseEntries(`{"log_id":"x","epoch":1,"entries":[${entry}],"next_offset":1,"head_offset":1}`),
    );
    const entries = [page.entries[0]!, readFrame(entry)[0]!, readFrame(`[${entry}]`)[0]!];
    for (const { event } of entries) expect(payloadTextOf(event as LegacyEnvelope)).toBe(payload);
  });

  it("are of the event that JSON.parse takes, when one stands twice", () => {
    const textOf = (events: string) => {
      const [{ event } = { event: {} }] = readFrame(
        `{"kind":"event","offset":0,"sequence_number":1,${events},"receipt":{}}`,
      );
      return payloadTextOf(event as LegacyEnvelope);
    };
    expect(textOf('"event":{"payload":1.0},"event":{"payload":2.0}')).toBe("2.0");
    expect(textOf('"event":{"payload":1.0,"payload":2.0}')).toBe("2.0");
    // No text at all: an entry whose payload nobody sees must not pass for one that was sent.
    expect(textOf('"event":{"payload":1.0},"event":{}')).toBeUndefined();
  });
});
