/** What a round measures, raw, and what a run of rounds comes to. The report and the results file are made of these. */
import type { ProcessorLimits } from "./kernel-process.js";
import { coreLimit, kernelSumUs, withTables } from "./kernels.js";
import type { Load } from "./plan.js";
import { isQuiet, QUIET_ROUNDS_MIN } from "./result.js";
import { medianRatio, type Spread, spread } from "./statistics.js";

export interface LimitRound extends ProcessorLimits {
  readonly flushP50Ms: number;
  readonly flushP99Ms: number;
  readonly flushesPerSecond: number;
}

export interface LoadRound {
  readonly requests: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly ackMaxMs: number;
  /** Cores used while the load ran; null where the system does not tell. */
  readonly serverCores: number | null;
  readonly clientCores: number;
  /** Everything else on the machine, steal included. */
  readonly otherCores: number | null;
  readonly serverRssMib: number | null;
  /** Why the round counts for nothing; null = every event was accepted, stored and receipted. */
  readonly invalid: string | null;
}

export interface LoadSummary {
  readonly load: Load;
  readonly rounds: readonly LoadRound[];
  readonly invalid: string | null;
  /** Rounds that the figures below are made of. */
  readonly roundsUsed: number;
  /** Enough rounds were quiet, and only they were used. */
  readonly isQuiet: boolean;
  readonly eventsPerSecond: Spread;
  readonly ackP50Ms: Spread;
  readonly ackP99Ms: Spread;
  /** Events per second of the limit of all cores, round by round. */
  readonly limitShare: number;
  /** The same of the cores that the client and other processes left. */
  readonly freeLimitShare: number;
  /** CPU time of the service per event, all threads. */
  readonly serverUs: number;
  /** Part of it that the kernels alone would need. */
  readonly kernelShare: number;
  readonly clientCores: number;
  readonly otherCores: number;
  /** Ack latency over (one flush + 0.3 ms). */
  readonly ackP50OverFlush: number;
  readonly ackP99OverFlush: number;
}

/** What a single request costs beside its flush on an idle machine. */
const IDLE_WORK_MS = 0.3;

/** `allLimits` and `allRounds` belong together by index. */
export function summarize(
  load: Load,
  allLimits: readonly LimitRound[],
  allRounds: readonly LoadRound[],
  cores: number,
): LoadSummary {
  const quiet = allRounds.map(({ otherCores }) => isQuiet(otherCores));
  const isQuietRun = quiet.filter(Boolean).length >= QUIET_ROUNDS_MIN;
  const rounds = isQuietRun ? allRounds.filter((_, index) => quiet[index]) : allRounds;
  const limits = isQuietRun ? allLimits.filter((_, index) => quiet[index]) : allLimits;
  const isBatch = load.eventsPerRequest > 1;
  const rates = rounds.map((round) => round.eventsPerSecond);
  const coreLimits = limits.map(({ kernelUs }) => coreLimit(kernelUs, isBatch, cores));
  const freeLimits = rounds.map(({ clientCores, otherCores }, index) => {
    return (coreLimits[index]! * Math.max(cores - clientCores - (otherCores ?? 0), 0)) / cores;
  });
  const serverUs = rounds.map((round) => ((round.serverCores ?? Number.NaN) * 1_000_000) / round.eventsPerSecond);
  const flushes = limits.map(({ flushP50Ms }) => flushP50Ms + IDLE_WORK_MS);
  const ackP50 = rounds.map((round) => round.ackP50Ms);
  const ackP99 = rounds.map((round) => round.ackP99Ms);
  return {
    load,
    rounds: allRounds,
    invalid: allRounds.find((round) => round.invalid !== null)?.invalid ?? null,
    roundsUsed: rounds.length,
    isQuiet: isQuietRun,
    eventsPerSecond: spread(rates),
    ackP50Ms: spread(ackP50),
    ackP99Ms: spread(ackP99),
    limitShare: medianRatio(rates, coreLimits),
    freeLimitShare: medianRatio(rates, freeLimits),
    serverUs: spread(serverUs).median,
    kernelShare: medianRatio(
      limits.map(({ kernelUs }) => kernelSumUs(withTables(kernelUs), isBatch)),
      serverUs,
    ),
    clientCores: spread(rounds.map((round) => round.clientCores)).median,
    otherCores: spread(rounds.map((round) => round.otherCores ?? Number.NaN)).median,
    ackP50OverFlush: medianRatio(ackP50, flushes),
    ackP99OverFlush: medianRatio(ackP99, flushes),
  };
}
