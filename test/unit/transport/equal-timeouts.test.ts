import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EqualTimeouts, Timeout } from "../../../src/transport/equal-timeouts.js";

const MS = 100;

/** Notes when it ended; starts again as often as it is told. */
class Noted extends Timeout {
  readonly endedAtMs: number[] = [];

  constructor(
    private readonly timeouts: EqualTimeouts,
    private repeats = 0,
  ) {
    super();
  }

  timedOut(): void {
    this.endedAtMs.push(Math.round(performance.now() - startMs));
    if (this.repeats-- > 0) this.timeouts.start(this);
  }
}

let startMs = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  startMs = performance.now();
});
afterEach(() => void vi.useRealTimers());

it("each ends after its time, in the order of their starts", () => {
  const timeouts = new EqualTimeouts(MS);
  const [first, second, third] = [0, 1, 2].map(() => new Noted(timeouts));
  timeouts.start(first!);
  vi.advanceTimersByTime(30);
  timeouts.start(second!);
  timeouts.start(third!);
  vi.advanceTimersByTime(1000);
  expect([first, second, third].map((timeout) => timeout!.endedAtMs)).toEqual([[100], [130], [130]]);
  expect(vi.getTimerCount()).toBe(0);
});

it("one that is stopped never ends, wherever it stands; stopping it again is harmless", () => {
  for (const stopped of [0, 1, 2]) {
    const timeouts = new EqualTimeouts(MS);
    const all = [0, 1, 2].map(() => new Noted(timeouts));
    for (const timeout of all) timeouts.start(timeout);
    timeouts.stop(all[stopped]!);
    timeouts.stop(all[stopped]!);
    vi.advanceTimersByTime(1000);
    expect(all.map(({ endedAtMs }) => endedAtMs.length)).toEqual([0, 1, 2].map((at) => (at === stopped ? 0 : 1)));
  }
});

it("starts again at its own end, and a timer that finds nobody sets no other", () => {
  const timeouts = new EqualTimeouts(MS);
  const repeated = new Noted(timeouts, 2);
  timeouts.start(repeated);
  vi.advanceTimersByTime(1000);
  expect(repeated.endedAtMs).toEqual([100, 200, 300]);
  expect(vi.getTimerCount()).toBe(0);
});

it("thousands that come and go take one timer, and it keeps the time of those that stay", () => {
  const timeouts = new EqualTimeouts(MS);
  const stays = new Noted(timeouts);
  for (let i = 0; i < 5000; i++) {
    const passing = new Noted(timeouts);
    timeouts.start(passing);
    if (i === 2500) {
      vi.advanceTimersByTime(40);
      timeouts.start(stays);
    }
    timeouts.stop(passing);
  }
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(stays.endedAtMs).toEqual([140]);
  expect(vi.getTimerCount()).toBe(0);
});
