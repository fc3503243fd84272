import { expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { WaitingTimes } from "../../../src/commit/waiting-times.js";

const stream = (ref: number, waitingSinceMs: number, committed = 0) => ({
  ...{ ref, waitingSinceMs, committed, head: committed + 1 },
  ...{ tenantId: "" as Uuid, storeId: "" as Uuid },
});

it("a stream waits from its first event's time, or from the first look at a time that is yet to come", () => {
  const times = new WaitingTimes();
  expect(times.sinceMs(stream(1, 1000), 1000)).toBe(1000);
  expect(times.sinceMs(stream(1, 9000), 1000)).toBe(1000);
  expect(times.sinceMs(stream(1, 9000), 3000)).toBe(1000);
  expect(times.sinceMs(stream(2, 9000), 3000)).toBe(3000);
  // Others wait since its last commitment, and none since a time that the clock has not reached either.
  expect(times.sinceMs(stream(1, 9000, 1), 4000)).toBe(4000);
  expect(times.sinceMs(stream(1, 9000, 1), 500)).toBe(500);
  expect(times.sinceMs(stream(1, 9000, 1), 9500)).toBe(9000);
});

it("of more streams than are remembered each waits from some look at it", () => {
  const times = new WaitingTimes();
  for (let ref = 0; ref < 70_000; ref++) times.sinceMs(stream(ref, 9000), 1000);
  expect(times.sinceMs(stream(69_999, 9000), 2000)).toBe(1000);
  expect(times.sinceMs(stream(0, 9000), 2000)).toBe(2000);
});
