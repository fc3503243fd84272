import { expect, it } from "vitest";
import { memoryGrowth, type SoakFacts, soakLines } from "../../../bench/soak/bounds.js";
import type { HoldSample } from "../../../bench/soak/process-watch.js";

const MINUTES = 30;

/** One sample a second; memory saws up and down by 20 MiB as a heap does. */
function samples(seconds: number, mibPerHour: number): HoldSample[] {
  return Array.from({ length: seconds }, (_, atS) => {
    const rssMib = 300 + (mibPerHour * atS) / 3600 + (atS % 40) / 2;
    return { atS, rssMib, openFiles: 80, walBytes: 16 << 20 };
  });
}

function facts(changes: Partial<SoakFacts> = {}): SoakFacts {
  const p99Ms = Array.from({ length: 180 }, (_, slice) => 20 + (slice % 7));
  const steady = { samples: samples(MINUTES * 60, 0), p99Ms, openFilesBefore: 70, openFilesAfter: 72 };
  return { ...steady, requests: 1_000_000, refusals: 0, ...changes };
}

function broken(of: SoakFacts): string[] {
  return soakLines(of).flatMap(({ what, measured, bound }) => (measured <= bound ? [] : [what]));
}

it("passes a steady run", () => {
  expect(broken(facts())).toEqual([]);
});

it("fails a leak of 150 MiB per hour, and says how steep it is", () => {
  const leaking = samples(MINUTES * 60, 150);
  expect(broken(facts({ samples: leaking }))).toEqual(["RSS growth after warm-up"]);
  expect(memoryGrowth(leaking).mibPerHour).toBeCloseTo(150, -1);
});

it("does not judge growth while caches fill up", () => {
  const filling = samples(120, 2_000);
  expect(memoryGrowth(filling).isJudged).toBe(false);
  expect(broken(facts({ samples: filling }))).toEqual([]);
});

it("fails answers that become slow, files that stay open, refusals and a log that is not moved", () => {
  const slower = Array.from({ length: 180 }, (_, slice) => 20 + slice / 2);
  expect(broken(facts({ p99Ms: slower }))).toEqual(["p99 of the last third / first third"]);
  expect(broken(facts({ openFilesAfter: 90 }))).toEqual(["open files left over"]);
  expect(broken(facts({ refusals: 20_000 }))).toEqual(["requests refused"]);
  const grown = samples(MINUTES * 60, 0).map((sample) => ({ ...sample, walBytes: 256 << 20 }));
  expect(broken(facts({ samples: grown }))).toEqual(["write-ahead log, largest"]);
});
