/**
 * Latency at an offered rate: single events at intended times, idle and at shares of the saturation that a closed loop
 * reached a moment before. 200 % is the overload family's.
 */
import type { ServerProcess } from "../../src/cli/server-process.js";
import { type BenchContext, CpuWatch, flushP50Ms, sized, startServer } from "../context.js";
import { headOf } from "../load/call.js";
import { LoadProcess } from "../load/load-process.js";
import type { OpenDriveResult } from "../load/load-session.js";
import type { Load } from "../plan.js";
import { type FamilyResult, type Measure, measureOf, ms, type Plot, table, whole } from "../result.js";
import { median, percentile } from "../statistics.js";

const LEVELS = [
  { name: "idle", share: null },
  { name: "half", share: 0.5 },
  { name: "most", share: 0.9 },
] as const;

/** Far apart enough that each event finds the service idle. */
const IDLE_PER_SECOND = 100;
const CONNECTIONS = 1024;
const SATURATION: Load = { name: "saturation", inFlight: 64, eventsPerRequest: 1, requests: 10_000 };
const SHARES = [0.5, 0.9, 0.99, 0.999, 1] as const;

/** Idle: what a single request costs beside its flush. Under load: what a chunk before it costs. */
const IDLE_WORK_MS = 0.3;
const LOAD_WORK_MS = 5;

interface LevelRound {
  readonly level: string;
  readonly offeredPerSecond: number;
  readonly acceptedPerSecond: number;
  readonly refused: number;
  readonly flushP50Ms: number;
  /** At `SHARES`. */
  readonly ackMs: readonly number[];
  readonly publishMs: readonly number[];
  readonly wakeP99Ms: number;
  /** How late this client wrote the first byte, p99. */
  readonly clientLateP99Ms: number;
  readonly serverCores: number | null;
  readonly clientCores: number | null;
  readonly otherCores: number | null;
}

export async function runLatency(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  await using server = await startServer(context);
  using load = await LoadProcess.start(server);
  const faults: string[] = [];
  const rounds: LevelRound[] = [];
  const saturations: number[] = [];
  await drive(load, { ...SATURATION, requests: sized(context, 8_000, 800) });
  let events = await headOf(server);
  const count = sized(context, 3, 1);
  for (let round = 0; round < count; round++) {
    context.progress(`latency: round ${round + 1} of ${count}`);
    const saturated = await drive(load, { ...SATURATION, requests: sized(context, SATURATION.requests, 1_000) });
    saturations.push(saturated.perSecond);
    events += saturated.events;
    for (const { name, share } of LEVELS) {
      const perSecond = share === null ? IDLE_PER_SECOND : share * saturated.perSecond;
      const result = await measureLevel(context, server, load, name, perSecond);
      events += result.accepted;
      rounds.push(result.round);
      const replayFault = async () => (result.round.refused === 0 ? load.check() : null);
      const fault = result.fault ?? (await headFault(server, events)) ?? (await replayFault());
      if (fault !== null) faults.push(`${name}: ${fault}`);
    }
  }
  return {
    family: "latency",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(rounds, saturations),
    measures: measuresOf(rounds),
    plots: [plotOf(rounds)],
    faults,
    raw: { saturations, rounds },
  };
}

async function drive(load: LoadProcess, shape: Load): Promise<{ perSecond: number; events: number }> {
  await load.prepare(shape);
  const { eventsAccepted, wallMs } = await load.drive();
  return { perSecond: (eventsAccepted * 1000) / wallMs, events: eventsAccepted };
}

async function measureLevel(
  context: BenchContext,
  server: ServerProcess,
  load: LoadProcess,
  level: string,
  perSecond: number,
): Promise<{ round: LevelRound; accepted: number; fault: string | null }> {
  const msMax = sized(context, 4_000, 600);
  const requests = Math.ceil((perSecond * msMax) / 1000) + 1;
  await load.prepare({ name: level, inFlight: 1, eventsPerRequest: 1, requests });
  const flushMs = flushP50Ms(context);
  const watch = new CpuWatch([server.pid, load.pid]);
  const result = await load.driveOpen({ perSecond, msMax, connections: CONNECTIONS, probes: 1 });
  const { cores, otherCores } = watch.end();
  const at = (samples: Float64Array): number[] => SHARES.map((share) => percentile(samples, share));
  const round = {
    level,
    offeredPerSecond: (result.requestsSent * 1000) / result.offeredMs,
    acceptedPerSecond: (result.accepted * 1000) / result.wallMs,
    refused: result.refusalMs.length,
    flushP50Ms: flushMs,
    ackMs: at(result.ackMs),
    publishMs: at(result.publishMs),
    wakeP99Ms: percentile(result.wakeMs, 0.99),
    clientLateP99Ms: percentile(result.lateMs, 0.99),
    serverCores: cores[0]!,
    clientCores: cores[1]!,
    otherCores,
  };
  return { round, accepted: result.accepted, fault: faultOf(result) };
}

function faultOf({ faults, eventsAccepted, accepted }: OpenDriveResult): string | null {
  if (faults > 0) return `${faults} requests were answered neither with 200 nor with a refusal`;
  return eventsAccepted === accepted ? null : `${eventsAccepted} of ${accepted} events were accepted`;
}

export async function headFault(server: ServerProcess, events: number): Promise<string | null> {
  const head = await headOf(server);
  return head === events ? null : `the head is ${head} after ${events} events`;
}

function linesOf(rounds: readonly LevelRound[], saturations: readonly number[]): string[] {
  const rows = LEVELS.map(({ name, share }) => {
    const own = rounds.filter(({ level }) => level === name);
    const of = (pick: (round: LevelRound) => number): number => median(own.map(pick));
    return [
      `${name}${share === null ? "" : ` (${share * 100} %)`}`,
      whole(of((round) => round.offeredPerSecond)),
      whole(own.reduce((sum, round) => sum + round.refused, 0)),
      ...SHARES.map((_, index) => ms(of((round) => round.ackMs[index]!))),
      ms(of((round) => round.publishMs[0]!)),
      ms(of((round) => round.publishMs[2]!)),
      ms(of((round) => round.wakeP99Ms)),
      ms(of((round) => round.clientLateP99Ms)),
      of((round) => round.otherCores ?? Number.NaN).toFixed(2),
    ];
  });
  const columns = ["level", "offered/s", "refused", "ack p50", "p90", "p99", "p99.9", "max"];
  return [
    `Open loop, single events, Poisson arrivals; saturation ${whole(median(saturations))}/s (closed loop of 64), raw flush p50 ` +
      `${ms(median(rounds.map((round) => round.flushP50Ms)))}; medians of ${rounds.length / LEVELS.length} rounds`,
    ...table([...columns, "publish p50", "p99", "wake p99", "client late p99", "others"], rows),
  ];
}

function measuresOf(rounds: readonly LevelRound[]): Record<string, Measure> {
  const of = (level: string, value: (round: LevelRound) => number): Measure =>
    measureOf(
      rounds.filter((round) => round.level === level),
      value,
    );
  return {
    "latency idle ack p50 / idle": of("idle", (r) => r.ackMs[0]! / (r.flushP50Ms + IDLE_WORK_MS)),
    "latency idle ack p99 / idle": of("idle", (r) => r.ackMs[2]! / (r.flushP50Ms + IDLE_WORK_MS)),
    "latency idle wake p99 ms": of("idle", (r) => r.wakeP99Ms),
    "latency half ack p99 / flush": of("half", (r) => Math.max(0, r.ackMs[2]! - LOAD_WORK_MS) / r.flushP50Ms),
    "latency half ack p99.9 / flush": of("half", (r) => Math.max(0, r.ackMs[3]! - LOAD_WORK_MS) / r.flushP50Ms),
  };
}

function plotOf(rounds: readonly LevelRound[]): Plot {
  const series = LEVELS.map(({ name }) => {
    const own = rounds.filter(({ level }) => level === name);
    // By the share of requests that are slower: 1/2, 1/10, 1/100, 1/1000.
    const points = [2, 10, 100, 1000].map(
      (slower, index) => [slower, median(own.map((round) => round.ackMs[index]!))] as const,
    );
    return { label: `${name}, ${whole(median(own.map((round) => round.offeredPerSecond)))} events/s`, points };
  });
  return {
    kind: "lines",
    name: "latency",
    title: "Latency from the intended time to the durable, signed answer",
    note: "Open loop, single events; 1 of so many requests is slower.",
    xLabel: "1 of so many",
    yLabel: "ms",
    isLogX: true,
    isLogY: true,
    series,
  };
}
