/** What the log's tree holds of an entry, rebuilt from the entry's text. */
import { describe, expect, it } from "vitest";
import { leafRecordOfFrame } from "../../../src/protocol/tlog-leaf.js";

describe("leaf records", () => {
  it("are refused for what is no entry", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "{}",
      '{"kind":"ves_event","event":{},"receipt":{}}',
      '{"kind":"x","offset":1}',
    ]) {
      expect(leafRecordOfFrame(text), text).toBeNull();
    }
  });

  const hex = (byte: string, bytes: number): string => byte.repeat(bytes);
  const id = "00000000-0000-4000-8000-000000000001";
  const time = "2026-11-21T12:00:00.081+00:00";
  const event = '{"event_id":"x","payload":{"event":{},"receipt":{}}}';
  const other = '{"event_id":"x","payload":{"event":{},"receipt":{}},"base_version":7}';
  const receipt =
    `{"sequencerId":"${id}","eventId":"${id}","sequenceNumber":1,"sequencedAt":"${time}","receiptHash":"${hex("ab", 32)}",` +
    `"signatureAlg":"ed25519","sequencerSignature":"${hex("cd", 64)}","sequencerKeyVersion":0,"receiptSignatureScheme":1}`;
  const place = `"kind":"ves_event","offset":5,"tenant_id":"${id}","store_id":"${id}","sequence_number":1,"sequenced_at":"${time}"`;
  const record = (frame: string): string | null => {
    const bytes = leafRecordOfFrame(frame);
    return bytes === null ? null : Buffer.from(bytes).toString("hex");
  };
  const honest = `{${place},"event":${event},"receipt":${receipt}}`;

  it("commit to the event that JSON.parse finds in the text, wherever else one stands", () => {
    expect(record(honest)).toMatch(/^01000000000000000005(ab){32}[0-9a-f]{64}$/);
    // The event that the log holds in a member nobody reads, and another one where readers look.
    const decoy = `"x":{"y":0,"event":${event},"receipt":0}`;
    const hidden = `{"receipt":${receipt},${place},${decoy},"event": ${other}}`;
    expect((JSON.parse(hidden) as { event: { base_version: number } }).event.base_version).toBe(7);
    expect(record(hidden)).toBe(record(`{${place},"event":${other},"receipt":${receipt}}`));
    expect(record(hidden)).not.toBe(record(honest));
  });

  it.each([
    ["an event twice", `{${place},"event":${event},"receipt":${receipt},"event": ${other}}`],
    ["an escaped name twice", `{${place},"event":${event},"receipt":${receipt},"\\u0065vent": ${other}}`],
    ["an offset twice", honest.replace("{", '{"offset":4,')],
    ["a receipt's hash twice", honest.replace('{"sequencerId"', `{"receiptHash":"${hex("ab", 32)}","sequencerId"`)],
    ["times that differ", honest.replace(time, "2026-11-21T12:00:00.082+00:00")],
    ["times finer than the record", honest.replaceAll(time, "2026-11-21T12:00:00.0819+00:00")],
    ["times spelled otherwise", honest.replaceAll(time, "2026-11-21T12:00:00.081Z")],
    ["an offset as text", honest.replace(":5,", ':"5",')],
    ["a fraction", honest.replace(":5,", ":5.0,")],
    ["more behind it", `${honest}{}`],
    ["a mark before it", `\ufeff${honest}`],
  ])("are refused for a text with %s", (_, frame) => {
    expect(record(frame)).toBeNull();
  });
});
