/** Do two runs say the same? Each target's figure of both, and how far the later one is from the earlier. */
import type { TargetLine } from "./targets.js";

/** Two runs agree in a figure when the later one is no further than this share from the earlier. */
export const AGREEMENT = 0.15;

export interface Comparison {
  readonly target: string;
  readonly earlier: number;
  readonly later: number;
  /** Share by which the later figure is larger; 0 when both are the same. */
  readonly change: number;
  readonly agrees: boolean;
  /** Made of two figures of one run, so that it carries over between days and machines. */
  readonly isRatio: boolean;
}

type Judged = Pick<TargetLine, "target" | "measure" | "measured" | "verdict">;

/** Of the targets that both runs evaluated, in the order of the later one. */
export function compareRuns(earlier: readonly Judged[], later: readonly Judged[]): Comparison[] {
  const before = new Map(earlier.filter(isEvaluated).map((line) => [line.measure, line.measured]));
  return later.filter(isEvaluated).flatMap(({ target, measure, measured }) => {
    const old = before.get(measure);
    if (old === undefined) return [];
    const change = old === measured ? 0 : (measured - old) / Math.abs(old);
    const agrees = Math.abs(change) <= AGREEMENT;
    return [{ target, earlier: old, later: measured, change, agrees, isRatio: measure.includes(" / ") }];
  });
}

function isEvaluated(line: Judged): line is Judged & { readonly measured: number } {
  return line.verdict !== "NOT_EVALUATED" && line.measured !== null;
}
