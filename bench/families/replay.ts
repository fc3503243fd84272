/**
 * A subscriber that comes late: a large log replayed from the store, cold and warm, one frame per entry and in arrays; and
 * what that costs ingest at half load and at saturation.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { ServerProcess } from "../../src/cli/server-process.js";
import { type BenchContext, CpuWatch, sized, startServer } from "../context.js";
import { LoadProcess } from "../load/load-process.js";
import { readFrames } from "../load/read-frames.js";
import { Subscribers, type Wanted } from "../load/subscribers.js";
import { sharedNowMs } from "../load/ticker.js";
import { untilIdle } from "../quiet-server.js";
import { type FamilyResult, type Measure, measureOf, table, whole } from "../result.js";
import { median } from "../statistics.js";
import { growLog } from "./growth.js";

/** From the log's start: far behind what the service keeps in memory. */
const ENTRIES = 100_000;
const HEAR_MS_MAX = 60_000;
const SATURATION = { name: "replay", inFlight: 8, eventsPerRequest: 100, requests: 150 } as const;
const HALF_MS = 3_000;

interface ReplayRound {
  readonly cache: "cold" | "warm";
  readonly frames: "single" | "batch";
  readonly entriesPerSecond: number;
  readonly mibPerSecond: number;
  readonly serverUs: number;
  readonly otherCores: number | null;
}

interface IngestRound {
  readonly aloneHalf: HalfLoad;
  readonly besideHalf: HalfLoad;
  readonly aloneFullPerSecond: number;
  readonly besideFullPerSecond: number;
  readonly replayPerSecond: number;
  readonly otherCores: number | null;
}

/** Arrivals are random, so two drives offer different rates: what each is held against is its own. */
interface HalfLoad {
  readonly offeredPerSecond: number;
  /** From the first intended time to the last answer. */
  readonly acceptedPerSecond: number;
}

interface Stage {
  readonly server: ServerProcess;
  readonly load: LoadProcess;
  readonly audience: Subscribers;
  readonly entries: number;
  /** Bytes of all their frames. */
  readonly entryBytes: number;
  readonly folder: string;
}

export async function runReplay(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  const { folder, entries: grown } = await growLog(context);
  const entries = Math.min(ENTRIES, grown);
  await using server = await startServer(context, { SEQ_WS_MAX_CATCHUP_EVENTS: "0" }, folder);
  context.progress("replay: waiting for the service's own work");
  await untilIdle(server.pid);
  using load = await LoadProcess.start(server);
  using audience = new Subscribers();
  const frames = await readFrames(server, 0, entries);
  const entryBytes = frames.reduce((sum, frame) => sum + frame.length, 0);
  const stage = { server, load, audience, entries, entryBytes, folder };
  const rounds: ReplayRound[] = [];
  const ingests: IngestRound[] = [];
  const count = sized(context, 3, 1);
  for (let round = 0; round < count; round++) {
    context.progress(`replay: round ${round + 1} of ${count}`);
    for (const shape of ["single", "batch"] as const) {
      for (const cache of ["cold", "warm"] as const) {
        if (cache === "warm" || dropFromCache(folder)) rounds.push(await measureReplay(stage, cache, shape));
      }
    }
    ingests.push(await measureIngest(context, stage));
  }
  return {
    family: "replay",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(rounds, ingests, entries),
    measures: measuresOf(rounds, ingests),
    plots: [],
    faults: [],
    raw: { entries, entryBytes, rounds, ingests },
  };
}

/** Asks the system to forget the file's pages; false where it cannot be asked. The service's own caches are small. */
function dropFromCache(folder: string): boolean {
  try {
    const file = join(folder, "sequencer.db");
    execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The audience must not want entries that ingest added meanwhile: it counts messages, or bytes of exactly these entries. */
async function measureReplay(
  stage: Stage,
  cache: ReplayRound["cache"],
  frames: ReplayRound["frames"],
): Promise<ReplayRound> {
  const { server, audience, entries } = stage;
  const watch = new CpuWatch([server.pid, audience.pid]);
  const { seconds, payloadBytes } = await replay(stage, frames);
  const { cores, otherCores, wallMs } = watch.end();
  await audience.close();
  return {
    cache,
    frames,
    entriesPerSecond: entries / seconds,
    mibPerSecond: payloadBytes / 2 ** 20 / seconds,
    serverUs: ((cores[0] ?? Number.NaN) * wallMs * 1000) / entries,
    otherCores,
  };
}

async function replay(
  { server, audience, entries, entryBytes }: Stage,
  frames: ReplayRound["frames"],
): Promise<{ seconds: number; payloadBytes: number }> {
  const isBatch = frames === "batch";
  const wanted: Wanted = isBatch ? { entries, entryBytes } : { messages: entries };
  const path = `/subscribe?from_offset=0${isBatch ? "&batch=1" : ""}`;
  const startedMs = sharedNowMs();
  await audience.open({ port: server.port, path, apiKey: server.adminKey, count: 1 });
  const { completeMs, payloadBytes } = await audience.hear(wanted, HEAR_MS_MAX);
  return { seconds: (completeMs - startedMs) / 1000, payloadBytes };
}

async function measureIngest(context: BenchContext, stage: Stage): Promise<IngestRound> {
  const { server, load, audience, entries } = stage;
  const watch = new CpuWatch([server.pid, load.pid, audience.pid]);
  const full = (): Promise<number> => driveFull(context, load);
  const aloneFullPerSecond = await full();
  const beside = await withReplays(stage, full);
  const half = (): Promise<HalfLoad> => driveHalf(context, load, aloneFullPerSecond / 2);
  const aloneHalf = await half();
  const besideHalf = await withReplays(stage, half);
  const { otherCores } = watch.end();
  return {
    aloneFullPerSecond,
    besideFullPerSecond: beside.result,
    aloneHalf,
    besideHalf: besideHalf.result,
    replayPerSecond: (besideHalf.replays * entries) / besideHalf.seconds,
    otherCores,
  };
}

/** One replay after the other until `drive` is done. */
async function withReplays<T>(
  stage: Stage,
  drive: () => Promise<T>,
): Promise<{ result: T; replays: number; seconds: number }> {
  let isOver = false;
  const driving = drive().finally(() => {
    isOver = true;
  });
  driving.catch(() => {});
  const startedMs = performance.now();
  let replays = 0;
  while (!isOver) {
    await replay(stage, "batch");
    replays++;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await stage.audience.close();
  return { result: await driving, replays, seconds };
}

async function driveFull(context: BenchContext, load: LoadProcess): Promise<number> {
  await load.prepare({ ...SATURATION, requests: sized(context, SATURATION.requests, 20) });
  const { eventsAccepted, wallMs } = await load.drive();
  return (eventsAccepted * 1000) / wallMs;
}

async function driveHalf(context: BenchContext, load: LoadProcess, eventsPerSecond: number): Promise<HalfLoad> {
  const msMax = sized(context, HALF_MS, 500);
  const perSecond = eventsPerSecond / SATURATION.eventsPerRequest;
  const requests = Math.ceil((perSecond * msMax) / 1000);
  await load.prepare({ ...SATURATION, requests });
  const { requestsSent, eventsAccepted, offeredMs, wallMs } = await load.driveOpen({
    ...{ perSecond, msMax, connections: 256, probes: 0 },
  });
  return {
    offeredPerSecond: (requestsSent * SATURATION.eventsPerRequest * 1000) / offeredMs,
    acceptedPerSecond: (eventsAccepted * 1000) / wallMs,
  };
}

function linesOf(rounds: readonly ReplayRound[], ingests: readonly IngestRound[], entries: number): string[] {
  const rows = (["single", "batch"] as const).flatMap((frames) =>
    (["cold", "warm"] as const).map((cache) => {
      const own = rounds.filter((round) => round.frames === frames && round.cache === cache);
      const of = (value: (round: ReplayRound) => number): number => median(own.map(value));
      return [
        `${frames === "batch" ? "batch=1" : "one per frame"}, ${cache}`,
        own.length === 0 ? "NOT_EVALUATED" : whole(of((round) => round.entriesPerSecond)),
        own.length === 0 ? "-" : whole(of((round) => round.mibPerSecond)),
        own.length === 0 ? "-" : of((round) => round.serverUs).toFixed(2),
      ];
    }),
  );
  const of = (value: (round: IngestRound) => number): string => whole(median(ingests.map(value)));
  return [
    `${whole(entries)} entries from the start of the log to one subscriber; medians of ${ingests.length} rounds`,
    ...table(["replay", "entries/s", "MiB/s", "server µs"], rows),
    `Ingest of batches beside replays without pause (${of((r) => r.replayPerSecond)} entries/s at half load): at saturation ` +
      `${of((r) => r.aloneFullPerSecond)} -> ${of((r) => r.besideFullPerSecond)} events/s, at half load ` +
      `${of((r) => r.aloneHalf.acceptedPerSecond)} of ${of((r) => r.aloneHalf.offeredPerSecond)} -> ` +
      `${of((r) => r.besideHalf.acceptedPerSecond)} of ${of((r) => r.besideHalf.offeredPerSecond)} events/s`,
  ];
}

function measuresOf(rounds: readonly ReplayRound[], ingests: readonly IngestRound[]): Record<string, Measure> {
  const measures: Record<string, Measure> = {};
  for (const cache of ["cold", "warm"] as const) {
    for (const frames of ["single", "batch"] as const) {
      const own = rounds.filter((round) => round.frames === frames && round.cache === cache);
      measures[`replay ${cache} ${frames} entries/s`] = measureOf(own, (round) => round.entriesPerSecond);
    }
  }
  const lost = (alone: number, beside: number): number => Math.max(0, 1 - beside / alone);
  const kept = (half: HalfLoad): number => half.acceptedPerSecond / half.offeredPerSecond;
  measures["replay ingest loss"] = measureOf(ingests, (r) => lost(kept(r.aloneHalf), kept(r.besideHalf)));
  measures["replay ingest loss at saturation"] = measureOf(ingests, (r) =>
    lost(r.aloneFullPerSecond, r.besideFullPerSecond),
  );
  return measures;
}
