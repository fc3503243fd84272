/** What a soak is held against. A broken bound fails the run. */
import { median } from "../statistics.js";
import { type HoldSample, slope } from "./process-watch.js";

export interface SoakFacts {
  readonly samples: readonly HoldSample[];
  /** Of each slice of load, in order. */
  readonly p99Ms: readonly number[];
  readonly openFilesBefore: number;
  readonly openFilesAfter: number;
  readonly requests: number;
  readonly refusals: number;
}

export interface BoundLine {
  readonly what: string;
  readonly measured: number;
  readonly bound: number;
  readonly unit: string;
}

/**
 * Until then memory is not judged: SQLite's page caches, the tail and the caches of keys and trees fill up to their bounds,
 * which takes minutes. A run with less than as much again after it says what the growth was, no more.
 */
const WARM_UP_S = 300;

/** What those bounds and ten threads' heaps may come to. */
const RSS_MIB = 768;

/** Growth that a fitted line may show, in all and per hour: a garbage-collected heap is not flat over minutes. */
const GROWTH_MIB = 32;
const GROWTH_MIB_PER_HOUR = 32;

/** `WAL_BYTES_MAX` by default, and twice that for what is written while a checkpoint runs and rests: 50 MiB in a second. */
const WAL_MIB = 192;

/** The last third against the first; the log is then several times as long. Below the floor a ratio is noise. */
const P99_DRIFT = 2;
const P99_FLOOR_MS = 10;

const OPEN_FILES_LEFT = 8;
const REFUSED_SHARE = 0.01;

export function soakLines(facts: SoakFacts): BoundLine[] {
  const { samples, p99Ms, requests, refusals } = facts;
  const memory = memoryGrowth(samples);
  const third = Math.max(1, Math.floor(p99Ms.length / 3));
  const early = Math.max(P99_FLOOR_MS, median(p99Ms.slice(0, third)));
  const late = Math.max(P99_FLOOR_MS, median(p99Ms.slice(-third)));
  const largest = (of: (sample: HoldSample) => number): number => Math.max(...samples.map(of));
  const growth = memory.mibPerHour * memory.hours;
  const growthMax = GROWTH_MIB + GROWTH_MIB_PER_HOUR * memory.hours;
  const lines: BoundLine[] = [
    { what: "RSS, largest", measured: largest(({ rssMib }) => rssMib), bound: RSS_MIB, unit: "MiB" },
    { what: "write-ahead log, largest", measured: largest((s) => s.walBytes) / 2 ** 20, bound: WAL_MIB, unit: "MiB" },
    { what: "p99 of the last third / first third", measured: late / early, bound: P99_DRIFT, unit: "×" },
    { what: "open files left over", measured: openFilesLeft(facts), bound: OPEN_FILES_LEFT, unit: "" },
    { what: "requests refused", measured: (refusals / requests) * 100, bound: REFUSED_SHARE * 100, unit: "%" },
  ];
  if (memory.isJudged)
    lines.push({ what: "RSS growth after warm-up", measured: growth, bound: growthMax, unit: "MiB" });
  return lines;
}

export interface MemoryGrowth {
  readonly mibPerHour: number;
  /** The part of the run it was fitted to. */
  readonly hours: number;
  readonly isJudged: boolean;
}

/** The fitted line over everything after warm-up, over the last two thirds of a short run. */
export function memoryGrowth(samples: readonly HoldSample[]): MemoryGrowth {
  const lastS = samples.at(-1)!.atS;
  const isJudged = lastS >= 2 * WARM_UP_S;
  const fromS = isJudged ? WARM_UP_S : lastS / 3;
  const mibPerHour =
    slope(
      samples.filter(({ atS }) => atS >= fromS),
      ({ rssMib }) => rssMib,
    ) * 3600;
  return { mibPerHour, hours: (lastS - fromS) / 3600, isJudged };
}

function openFilesLeft({ openFilesBefore, openFilesAfter }: SoakFacts): number {
  return openFilesAfter - openFilesBefore;
}
