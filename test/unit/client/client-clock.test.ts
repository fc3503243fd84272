import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { platformClock } from "../../../src/client/client-clock.js";

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a delay longer than any timer of the platform is waited for", () => {
  const run = vi.fn();
  platformClock.after(60 * DAY_MS, run);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledOnce();
});

test("an infinite delay never ends, and can be cancelled at any time", () => {
  const run = vi.fn();
  const cancel = platformClock.after(Number.POSITIVE_INFINITY, run);
  vi.advanceTimersByTime(400 * DAY_MS);
  cancel();
  expect([run.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
});
