import { describe, expect, it } from "vitest";
import { median, medianRatio, percentile, spread } from "../../../bench/statistics.js";

describe("percentile", () => {
  const samples = Float64Array.from([5, 1, 4, 2, 3]);

  it.each([
    [0.01, 1],
    [0.2, 1],
    [0.21, 2],
    [0.5, 3],
    [0.99, 5],
    [1, 5],
  ])("is the nearest rank: %d -> %d", (share, expected) => {
    expect(percentile(samples, share)).toBe(expected);
  });

  it("leaves the samples in their order and says nothing without any", () => {
    expect([...samples]).toEqual([5, 1, 4, 2, 3]);
    expect(percentile(new Float64Array(0), 0.5)).toBeNaN();
  });

  it("does not take 99 of 100 samples for the tail", () => {
    const hundred = Float64Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentile(hundred, 0.99)).toBe(99);
  });
});

describe("median", () => {
  it("is the middle value or the mean of the middle two", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([10, 2, 4, 1])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it("comes with its range", () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });
});

describe("medianRatio", () => {
  it("takes ratios pair by pair, so that drift in both sides cancels out", () => {
    expect(medianRatio([100, 50, 10], [200, 100, 20])).toBe(0.5);
    expect(() => medianRatio([1], [1, 2])).toThrow("as many");
  });
});
