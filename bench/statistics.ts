/** The few statistics every figure here is made of. All are exact on their samples: nothing is binned or smoothed. */

/** Nearest-rank percentile of samples in any order; `share` in (0, 1]. NaN without samples. */
export function percentile(samples: Float64Array, share: number): number {
  const sorted = samples.slice().sort();
  if (sorted.length === 0) return Number.NaN;
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1]!;
}

/** The middle value, or the mean of the middle two. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median of ratios, pair by pair: what drifts in both sides of a round cancels out in its own ratio. */
export function medianRatio(numerators: readonly number[], denominators: readonly number[]): number {
  if (numerators.length !== denominators.length) throw new Error("a ratio needs as many denominators as numerators");
  return median(numerators.map((value, index) => value / denominators[index]!));
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
