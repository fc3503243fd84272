import { expect, it } from "vitest";
import { WaitingTimes } from "../../../src/commit/waiting-times.js";

it("what bears a time that is yet to come waits from the first look that found it", () => {
  const times = new WaitingTimes();
  expect(times.headAt(1000)).toBe(0);
  times.look(10, 1000);
  times.look(10, 2000);
  times.look(15, 3000);
  expect([999, 1000, 2999, 3000].map((sinceMs) => times.headAt(sinceMs))).toEqual([0, 10, 10, 15]);
  times.forgetBelow(9);
  expect(times.headAt(1000)).toBe(10);
  times.forgetBelow(10);
  expect([2000, 3000].map((sinceMs) => times.headAt(sinceMs))).toEqual([0, 15]);
  times.forgetBelow(15);
  expect(times.headAt(9000)).toBe(0);
});

it("nothing waits since a time that the clock has not reached either", () => {
  const times = new WaitingTimes();
  times.look(10, 1000);
  times.look(15, 3000);
  times.look(15, 2000);
  expect([1000, 1999, 2000].map((sinceMs) => times.headAt(sinceMs))).toEqual([10, 10, 15]);
  times.look(16, 500);
  expect([499, 500].map((sinceMs) => times.headAt(sinceMs))).toEqual([0, 16]);
});

it("of more looks than are remembered each entry waits from some look behind its own, and not for ever", () => {
  const times = new WaitingTimes();
  const looks = 20_000;
  for (let at = 1; at <= looks; at++) times.look(at, at);
  const heads = Array.from({ length: looks }, (_, index) => times.headAt(index + 1));
  expect(heads.every((head, index) => head <= index + 1 && head >= (heads[index - 1] ?? 0))).toBe(true);
  expect(heads.at(-1)).toBe(looks);
  expect(times.headAt(looks - 1000)).toBeGreaterThan(looks - 1200);
});
