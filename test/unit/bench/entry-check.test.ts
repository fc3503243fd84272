import { describe, expect, it } from "vitest";
import { EntryCheck } from "../../../bench/load/entry-check.js";

const FROM = 7;
const SAMPLED = 64;

function entry(offset: number, rest = "x"): Buffer {
  return Buffer.from(`{"kind":"ves_event","offset":${offset},"event":"${rest.padEnd(100, "-")}"}`);
}

/** Gives a subscriber's check some entries, each behind other bytes. */
function give(check: ReturnType<EntryCheck["subscriber"]>, entries: readonly Buffer[]): void {
  for (const bytes of entries) check(Buffer.concat([Buffer.alloc(3), bytes]), 3, bytes.length, bytes.length + 3);
}

function entries(from: number, to: number): Buffer[] {
  return Array.from({ length: to - from }, (_, index) => entry(from + index));
}

describe("the check of an audience", () => {
  it("passes entries that follow each other, and compares a sample of them between subscribers", () => {
    const check = new EntryCheck();
    give(check.subscriber(), entries(FROM, 300));
    expect(check.compared).toBe(0);
    give(check.subscriber(), entries(FROM, 300));
    give(check.subscriber(), entries(FROM, 300));
    // Entries 64, 128, 192 and 256.
    expect(check.compared).toBe(2 * 4);
  });

  it.each([
    ["missing", [...entries(FROM, 20), ...entries(21, 30)], "got entry 21 where 20 was due"],
    ["twice", [...entries(FROM, 20), ...entries(19, 30)], "got entry 19 where 20 was due"],
    ["missing at the beginning", entries(FROM + 1, 30), "got entry 8 where 7 was due"],
    ["with another content", [...entries(FROM, SAMPLED), entry(SAMPLED, "y")], "entry 64 has two contents"],
    ["that is none", [Buffer.from("{}".padEnd(80))], "a frame without an offset: {}"],
  ])("fails on an entry %s", (_, given, message) => {
    const check = new EntryCheck();
    give(check.subscriber(), entries(FROM, 100));
    expect(() => give(check.subscriber(), given)).toThrow(message);
  });
});
