import { describe, expect, it } from "vitest";
import { readFrame, readLogPage, readStreamPage } from "../../../src/client/answers.js";

const ENTRY = { kind: "ves_event", offset: 3, sequence_number: 4, event: {}, receipt: {} };
const REFUSED = expect.objectContaining({ code: "INVALID_RESPONSE" });

describe("an entry", () => {
  it("is taken with what order and routing need, as it is, from a frame, a batch and a page", () => {
    const entry = { ...ENTRY, kind: "some later kind", more: [1] };
    expect(readFrame(JSON.stringify(entry))).toEqual([entry]);
    expect(readFrame(JSON.stringify([entry, ENTRY]))).toEqual([entry, ENTRY]);
    expect(readFrame("[]")).toEqual([]);
    const page = { log_id: "x", epoch: 1, entries: [entry], next_offset: 4, head_offset: 9 };
    expect(readLogPage(page)).toEqual({ logId: "x", epoch: 1, entries: [entry], nextOffset: 4, headOffset: 9 });
  });

  it.each<[string, unknown]>([
    ["without an offset", { ...ENTRY, offset: undefined }],
    ["at an offset that is a text", { ...ENTRY, offset: "3" }],
    ["at an offset below 0", { ...ENTRY, offset: -1 }],
    ["at an offset between two", { ...ENTRY, offset: 0.5 }],
    ["at an offset that numbers do not tell from the next", { ...ENTRY, offset: 2 ** 53 }],
    ["without a number", { ...ENTRY, sequence_number: null }],
    ["without a kind", { ...ENTRY, kind: undefined }],
    ["without an event", { ...ENTRY, event: null }],
    ["whose event is a list", { ...ENTRY, event: [] }],
    ["without a receipt", { ...ENTRY, receipt: "" }],
    ["that is no object", 3],
  ])("%s is refused", (_, entry) => {
    expect(() => readFrame(JSON.stringify(entry))).toThrow(REFUSED);
    expect(() => readFrame(JSON.stringify([ENTRY, entry]))).toThrow(REFUSED);
    const page = { log_id: "x", epoch: 1, entries: [ENTRY, entry], next_offset: 4, head_offset: 9 };
    expect(() => readLogPage(page)).toThrow(REFUSED);
  });

  it("of another kind is none of a stream of VES events", () => {
    const page = { events: [ENTRY, { ...ENTRY, kind: "event" }], next_sequence: 6, head_sequence: 9 };
    expect(() => readStreamPage(page)).toThrow(REFUSED);
  });
});
