import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/base/errors.js";
import type { Uuid } from "../../../src/base/ids.js";
import { limitCatchUp, readCursor } from "../../../src/broadcast/cursor.js";
import type { LogHead } from "../../../src/store/contract.js";

const LOG = "0b7f1c9e-5d0a-4c5e-9f43-1f2d3c4b5a69" as Uuid;
const head = (nextOffset: number, epoch = 3): LogHead => ({ logId: LOG, epoch, nextOffset });

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
  return "accepted";
}

const read = (query: string, nextOffset = 10): number => readCursor(new URLSearchParams(query), head(nextOffset));

describe("readCursor", () => {
  it.each([
    ["", 0],
    ["from_offset=0", 0],
    ["from_offset=9", 9],
    ["from_offset=10", 10],
    [`from_offset=4&log_id=${LOG}&epoch=3`, 4],
    [`from_offset=4&log_id=${LOG.toUpperCase()}`, 4],
  ])("%s is %i", (query, offset) => expect(read(query)).toBe(offset));

  it("accepts every offset up to the head and none above", () => {
    for (let nextOffset = 0; nextOffset <= 12; nextOffset++) {
      for (let offset = 0; offset <= 12; offset++) {
        const expected = offset <= nextOffset ? "accepted" : "CURSOR_IN_FUTURE";
        expect(codeOf(() => read(`from_offset=${offset}`, nextOffset))).toBe(expected);
      }
    }
  });

  it("compares large offsets exactly, not as floating point", () => {
    const largest = Number.MAX_SAFE_INTEGER;
    expect(read(`from_offset=${largest}`, largest)).toBe(largest);
    expect(codeOf(() => read("from_offset=9007199254740992", largest))).toBe("CURSOR_IN_FUTURE");
    expect(codeOf(() => read("from_offset=9007199254740993", largest))).toBe("CURSOR_IN_FUTURE");
  });

  it("tells a client of another log so, before anything about the head", () => {
    expect(codeOf(() => read("from_offset=99&epoch=2"))).toBe("LOG_MISMATCH");
    expect(codeOf(() => read(`from_offset=99&log_id=${LOG.replace("0", "1")}`))).toBe("LOG_MISMATCH");
  });

  it.each(["from_offset=1&from_offset=1", `log_id=${LOG}&log_id=${LOG}`, "epoch=3&epoch=3", "epoch=03", "epoch=-3"])(
    "%s is malformed",
    (query) => expect(codeOf(() => read(query))).toBe("CURSOR_MALFORMED"),
  );
});

describe("limitCatchUp", () => {
  it.each([
    [0, 10, 0, "accepted"],
    [0, 10, 10, "accepted"],
    [0, 10, 9, "CURSOR_TOO_OLD"],
    [1, 10, 9, "accepted"],
    [10, 10, 1, "accepted"],
    [0, 0, 1, "accepted"],
  ])("from %i of %i with at most %i: %s", (fromOffset, nextOffset, catchUpMax, expected) => {
    expect(codeOf(() => limitCatchUp(fromOffset, head(nextOffset), catchUpMax))).toBe(expected);
  });
});
