/**
 * The lane's rate while a log grows with random ids, against that of a fresh log measured in between. The log it makes is
 * what replay and restart start on.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type BenchContext, CpuWatch, sized } from "../context.js";
import { LaneRun } from "../load/lane-run.js";
import { type FamilyResult, type Measure, measureOf, type Plot, table, whole } from "../result.js";
import { median } from "../statistics.js";

const STEPS = 20;
const TARGET_ENTRIES = 5_000_000;
const FRESH_WARM_UP = 2_000;

/** A slow or busy machine must not stretch the run: then the log stays as large as it got. */
const GROW_MS_MAX = { quick: 20_000, full: 100_000, long: 900_000 } as const;

/** The last so many steps are the log's end. */
const LAST_STEPS = 3;

interface GrowthStep {
  /** Of the log, after the step. */
  readonly entries: number;
  readonly entriesPerSecond: number;
  readonly freshPerSecond: number;
  readonly databaseMib: number;
  readonly otherCores: number | null;
}

export async function runGrowth(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  const { folder, entries, steps } = await growLog(context);
  const last = steps.slice(-LAST_STEPS);
  return {
    family: "growth",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(steps),
    measures: {
      "growth lane rate at end / fresh": atEnd(last),
      "growth lane entries/s at end": measureOf(last, (step) => step.entriesPerSecond),
    },
    plots: [plotOf(steps)],
    faults: [],
    raw: { entries, steps, databaseMib: databaseMib(folder) },
  };
}

function atEnd(last: readonly GrowthStep[]): Measure {
  const measure = measureOf(last, (step) => step.entriesPerSecond / step.freshPerSecond);
  if (last.at(-1)!.entries >= TARGET_ENTRIES) return measure;
  return { ...measure, because: measure.because ?? "the target is at 5 million entries: run with --long" };
}

export interface GrownLog {
  readonly folder: string;
  readonly entries: number;
  readonly steps: readonly GrowthStep[];
}

const grown = new WeakMap<BenchContext, Promise<GrownLog>>();

/** Once per run: a log of 1 million entries, 5 million with `--long`; fewer where `GROW_MS_MAX` ends it. */
export function growLog(context: BenchContext): Promise<GrownLog> {
  const known = grown.get(context);
  if (known !== undefined) return known;
  const growing = grow(context);
  grown.set(context, growing);
  return growing;
}

async function grow(context: BenchContext): Promise<GrownLog> {
  const entries = context.mode === "long" ? TARGET_ENTRIES : sized(context, 1_000_000, 20_000);
  const folder = join(context.folder, "grown");
  const steps: GrowthStep[] = [];
  using large = new LaneRun();
  using beside = new LaneRun();
  await large.open(folder);
  const perStep = entries / STEPS;
  const sample = Math.min(perStep, 10_000);
  const startedMs = performance.now();
  for (let step = 1; step <= STEPS && performance.now() - startedMs < GROW_MS_MAX[context.mode]; step++) {
    context.progress(`growth: ${whole((step - 1) * perStep)} of ${whole(entries)} entries`);
    if (perStep > sample) await large.run(perStep - sample);
    // Both of the same size, next to each other: what drifts in the machine drifts in both.
    const watch = new CpuWatch([large.pid, beside.pid]);
    const ms = await large.run(sample);
    const freshMs = await beside.runFresh(join(context.folder, "fresh"), Math.min(FRESH_WARM_UP, sample), sample);
    const { otherCores } = watch.end();
    steps.push({
      entries: step * perStep,
      entriesPerSecond: (sample * 1000) / ms,
      freshPerSecond: (sample * 1000) / freshMs,
      databaseMib: databaseMib(folder),
      otherCores,
    });
  }
  await large.close();
  return { folder, entries: steps.at(-1)!.entries, steps };
}

function databaseMib(folder: string): number {
  return statSync(join(folder, "sequencer.db")).size / 2 ** 20;
}

function linesOf(steps: readonly GrowthStep[]): string[] {
  const shown = steps.filter((_, index) => index === 0 || index === steps.length - 1 || index % (STEPS / 4) === 4);
  const rows = shown.map(({ entries, entriesPerSecond, freshPerSecond, databaseMib: mib, otherCores }) => [
    whole(entries),
    whole(entriesPerSecond),
    whole(freshPerSecond),
    (entriesPerSecond / freshPerSecond).toFixed(2),
    `${whole(mib)} MiB`,
    (otherCores ?? Number.NaN).toFixed(2),
  ]);
  const last = steps.slice(-LAST_STEPS);
  const ratio = median(last.map((step) => step.entriesPerSecond / step.freshPerSecond));
  return [
    "The lane alone (decisions, receipts, rows, flush) on one core, random ids, chunks of 500; a fresh log between its steps",
    ...table(["entries", "lane/s", "fresh/s", "ratio", "database", "others"], rows),
    `At the end, median of ${LAST_STEPS} steps: ${ratio.toFixed(2)} of fresh`,
  ];
}

function plotOf(steps: readonly GrowthStep[]): Plot {
  return {
    kind: "lines",
    name: "growth",
    title: "Rate of the lane while the log grows",
    note: "Random ids, one core, flushed; the fresh log is measured between the steps.",
    xLabel: "million entries in the log",
    yLabel: "entries/s",
    series: [
      { label: "growing log", points: steps.map((step) => [step.entries / 1e6, step.entriesPerSecond] as const) },
      { label: "fresh log", points: steps.map((step) => [step.entries / 1e6, step.freshPerSecond] as const) },
    ],
  };
}
