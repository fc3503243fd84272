/**
 * Bounds that the figures are held against. They belong to later work on the hot path: a missed one is printed and does
 * not fail the run. Only what makes a figure wrong (`LoadRound.invalid`) does.
 */
import { type LoadSummary, QUIET_ROUNDS_MIN } from "./measurement.js";

export type Verdict = "PASS" | "FAIL" | "NOT_EVALUATED";

export interface TargetLine {
  readonly target: string;
  readonly load: string;
  readonly verdict: Verdict;
  readonly measured: number | null;
  readonly bound: number;
  /** Why it was not evaluated. */
  readonly because: string | null;
}

interface Target {
  readonly name: string;
  readonly load: string;
  readonly bound: number;
  readonly direction: "at_least" | "at_most";
  readonly measure: (summary: LoadSummary) => number;
}

const TARGETS: readonly Target[] = [
  {
    name: "batches of 100, 8 in flight: share of the core limit",
    load: "batch100.8",
    bound: 0.75,
    direction: "at_least",
    measure: (summary) => summary.limitShare,
  },
  {
    name: "single events, 64 in flight: share of the core limit",
    load: "single.64",
    bound: 0.6,
    direction: "at_least",
    measure: (summary) => summary.limitShare,
  },
  {
    name: "idle ack p50 over (one flush + 0.3 ms)",
    load: "single.1",
    bound: 3,
    direction: "at_most",
    measure: (summary) => summary.ackP50OverFlush,
  },
  {
    name: "idle ack p99 over (one flush + 0.3 ms)",
    load: "single.1",
    bound: 8,
    direction: "at_most",
    measure: (summary) => summary.ackP99OverFlush,
  },
];

/** `unfit`: why this run judges nothing (too small, no real disk); null = it may. */
export function judge(summaries: readonly LoadSummary[], unfit: string | null): TargetLine[] {
  return TARGETS.map((target) => {
    const summary = summaries.find(({ load }) => load.name === target.load);
    const because = unfit ?? unusable(summary);
    const measured = summary === undefined ? null : target.measure(summary);
    const isMet =
      measured !== null && (target.direction === "at_least" ? measured >= target.bound : measured <= target.bound);
    const verdict = because !== null ? "NOT_EVALUATED" : isMet ? "PASS" : "FAIL";
    return { target: target.name, load: target.load, verdict, measured, bound: target.bound, because };
  });
}

function unusable(summary: LoadSummary | undefined): string | null {
  if (summary === undefined) return "not run";
  if (summary.invalid !== null) return "the figure is invalid";
  if (!summary.isQuiet) return `fewer than ${QUIET_ROUNDS_MIN} rounds had the machine to themselves`;
  return null;
}
