/**
 * Periodic columns that lay Rescue permutations along the trace (sections 5.2 and 8.5): P0 active, P1 first step,
 * P2 forward half-round, P3..P14 the round constants of the step.
 */
import { ROUND_CONSTANTS } from "../rescue-constants.js";
import type { PeriodicTable } from "./air.js";

const PERIODIC_WIDTH = 15;
const HALF_ROUNDS = 14;
/** Rows per permutation: 14 half-rounds and the result. */
const SEGMENT_ROWS = 15;

/** `segments` consecutive permutations from row `start`; all other rows are zero. */
export function rescuePeriodic(rows: number, start: number, segments: number): PeriodicTable {
  const values = new BigUint64Array(rows * PERIODIC_WIDTH);
  for (let segment = 0; segment < segments; segment++) {
    for (let step = 0; step < HALF_ROUNDS; step++) {
      const at = (start + segment * SEGMENT_ROWS + step) * PERIODIC_WIDTH;
      values[at] = 1n;
      values[at + 1] = step === 0 ? 1n : 0n;
      values[at + 2] = step % 2 === 0 ? 1n : 0n;
      for (let lane = 0; lane < 12; lane++) values[at + 3 + lane] = ROUND_CONSTANTS[step * 12 + lane]!;
    }
  }
  return { width: PERIODIC_WIDTH, values };
}
