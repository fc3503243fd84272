import { expect, test } from "vitest";
import { BACKOFF, backoffMs } from "../../../src/client/backoff.js";

const ALMOST_ONE = 1 - Number.EPSILON;

test.each([
  [0, 50, 100],
  [1, 50, 100],
  [2, 100, 200],
  [3, 200, 400],
  [8, 5_000, 10_000],
  [1_000_000, 5_000, 10_000],
])("after %d failures: from %d to %d ms", (failures, least, most) => {
  expect(backoffMs(failures, null, () => 0, BACKOFF)).toBe(least);
  expect(backoffMs(failures, null, () => ALMOST_ONE, BACKOFF)).toBeCloseTo(most, 6);
});

test("never sooner than the service asked, and never later than the policy without that", () => {
  expect(backoffMs(1, 3, () => 0.5, BACKOFF)).toBe(3000);
  expect(backoffMs(9, 3, () => 0.5, BACKOFF)).toBe(7500);
  expect(backoffMs(9, 0, () => ALMOST_ONE, { baseMs: 10, maxMs: 20 })).toBeLessThanOrEqual(20);
  expect(backoffMs(1, 999_999_999, () => 0.5, BACKOFF)).toBe(3_600_000);
});
