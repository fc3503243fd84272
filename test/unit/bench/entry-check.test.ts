import { describe, expect, it } from "vitest";
import { EntryCheck } from "../../../bench/load/entry-check.js";

const FROM = 7;
const SAMPLED = 64;

function entry(offset: number, rest = "x"): Buffer {
  return Buffer.from(`{"kind":"ves_event","offset":${offset},"event":"${rest.padEnd(100, "-")}"}`);
}

/** Its first entry is all that is looked at. */
function array(from: number): Buffer {
  return Buffer.from(`[${entry(from)},${entry(from + 1)}]`);
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

  it.each([
    ["missing at the beginning", [8]],
    ["that goes back", [7, 40, 39]],
    ["twice", [7, 40, 40]],
  ])("fails on an array with its first entry %s", (_, firsts) => {
    const check = new EntryCheck();
    give(check.subscriber(), [array(FROM), array(40)]);
    expect(() => give(check.subscriber(), firsts.map(array))).toThrow("was due");
  });

  it("is of no use, and says so, where nothing was looked at or nothing compared", () => {
    expect(() => new EntryCheck().conclude(1, 0)).toThrow("0 frames of 0 were looked at");
    const unseen = new EntryCheck();
    give(unseen.subscriber(), entries(FROM, 300));
    expect(() => unseen.conclude(1, 294)).toThrow("293 frames of 294 were looked at");

    // No offset of theirs is one of a sample.
    const few = new EntryCheck();
    for (let subscriber = 0; subscriber < 2; subscriber++) give(few.subscriber(), entries(SAMPLED + 1, 2 * SAMPLED));
    expect(() => few.conclude(2, 126)).toThrow("nothing that 2 subscribers got was compared");

    // Never whole in one read.
    const cut = new EntryCheck();
    for (let subscriber = 0; subscriber < 2; subscriber++) {
      const look = cut.subscriber();
      for (const bytes of entries(FROM, 300)) look(bytes, 0, bytes.length, bytes.length - 1);
    }
    expect(() => cut.conclude(2, 2 * 293)).toThrow("nothing that 2 subscribers got was compared");
  });

  it("is of use where every frame was looked at and a sample compared, if there is another subscriber", () => {
    const check = new EntryCheck();
    give(check.subscriber(), entries(FROM, 300));
    check.conclude(1, 293);
    give(check.subscriber(), entries(FROM, 300));
    check.conclude(2, 2 * 293);
    const batches = new EntryCheck();
    give(batches.subscriber(), [array(FROM), array(40), array(90)]);
    batches.conclude(1, 3);
  });
});
