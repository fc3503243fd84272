/** From SIGKILL to the next ack: the service is started on the same folder and asked to ingest until it answers. */
import { join } from "node:path";
import { type BenchContext, CpuWatch, sized, startServer } from "../context.js";
import { CHUNK_EVENTS, LaneRun } from "../load/lane-run.js";
import { LoadProcess } from "../load/load-process.js";
import { untilIdle } from "../quiet-server.js";
import { type FamilyResult, type Measure, measureOf, ms, table, whole } from "../result.js";
import { median } from "../statistics.js";
import { growLog } from "./growth.js";

/** What is in the write-ahead log when the service is killed. */
const BEFORE_KILL = { name: "before", inFlight: 8, eventsPerRequest: 100, requests: 40 } as const;
const FIRST = { name: "first", inFlight: 1, eventsPerRequest: 1, requests: 1 } as const;

interface RestartRound {
  readonly log: "small" | "large";
  readonly entries: number;
  /** From the process's start to the line that it listens. */
  readonly listeningMs: number;
  readonly firstAckMs: number;
  readonly otherCores: number | null;
}

export async function runRestart(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  const large = await growLog(context);
  const small = {
    folder: join(context.folder, "small"),
    entries: Math.ceil(large.entries / 10 / CHUNK_EVENTS) * CHUNK_EVENTS,
  };
  await makeLog(small.folder, small.entries);
  for (const { folder } of [small, large]) {
    context.progress("restart: waiting for the service's own work");
    await using server = await startServer(context, {}, folder);
    await untilIdle(server.pid);
  }
  const rounds: RestartRound[] = [];
  const count = sized(context, 4, 1);
  for (let round = 0; round < count; round++) {
    context.progress(`restart: round ${round + 1} of ${count}`);
    rounds.push(await measureRestart(context, "small", small));
    rounds.push(await measureRestart(context, "large", large));
  }
  return {
    family: "restart",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(rounds),
    measures: measuresOf(rounds, large.entries),
    plots: [],
    faults: [],
    raw: { rounds },
  };
}

async function makeLog(folder: string, entries: number): Promise<void> {
  using run = new LaneRun();
  await run.open(folder);
  await run.run(entries);
  await run.close();
}

async function measureRestart(
  context: BenchContext,
  log: RestartRound["log"],
  { folder, entries }: { readonly folder: string; readonly entries: number },
): Promise<RestartRound> {
  const key = { BOOTSTRAP_ADMIN_API_KEY: `ss_${"bench".repeat(8)}` };
  await using first = await startServer(context, key, folder);
  using load = await LoadProcess.start(first);
  await load.prepare({ ...BEFORE_KILL, requests: sized(context, BEFORE_KILL.requests, 4) });
  await load.drive();
  await load.prepare(FIRST);
  await first.kill();
  const watch = new CpuWatch([load.pid]);
  const startedMs = performance.now();
  await using second = await startServer(context, key, folder);
  const listeningMs = performance.now() - startedMs;
  await load.move(second);
  const { eventsAccepted } = await load.drive();
  const firstAckMs = performance.now() - startedMs;
  const { otherCores } = watch.end([second.pid]);
  if (eventsAccepted !== 1) throw new Error("the first event after a crash was not accepted");
  const problem = await load.check();
  if (problem !== null) throw new Error(problem);
  return { log, entries, listeningMs, firstAckMs, otherCores };
}

function linesOf(rounds: readonly RestartRound[]): string[] {
  const rows = (["small", "large"] as const).map((log) => {
    const own = rounds.filter((round) => round.log === log);
    const of = (value: (round: RestartRound) => number): number => median(own.map(value));
    return [
      whole(own[0]!.entries),
      ms(of((round) => round.listeningMs)),
      ms(of((round) => round.firstAckMs)),
      ms(Math.max(...own.map((round) => round.firstAckMs))),
    ];
  });
  return [
    `SIGKILL after ${BEFORE_KILL.requests * BEFORE_KILL.eventsPerRequest} events, then a start; medians of ${rounds.length / 2} rounds`,
    ...table(["entries", "listening", "first ack", "slowest"], rows),
  ];
}

function measuresOf(rounds: readonly RestartRound[], entries: number): Record<string, Measure> {
  const [small, large] = (["small", "large"] as const).map((log) => rounds.filter((round) => round.log === log));
  const pairs = large!.map((round, index) => ({
    otherCores: round.otherCores,
    ratio: round.firstAckMs / small![index]!.firstAckMs,
  }));
  const enough = entries >= 1_000_000 ? null : "the target is at 1 million entries";
  const firstAck = measureOf(large!, (round) => round.firstAckMs);
  return {
    "restart large first ack ms": { ...firstAck, because: firstAck.because ?? enough },
    "restart large / small": measureOf(pairs, ({ ratio }) => ratio),
  };
}
