/**
 * The same frames to 1, 10, 100 and 1,000 subscribers: by this service while it ingests the events, and by naive `ws`, which
 * is given the frames ready-made. The same client counts both, in alternation. And the latency of publishing to 1,000.
 */
import type { ServerProcess } from "../../src/cli/server-process.js";
import { type BenchContext, CpuWatch, sized, startServer } from "../context.js";
import { headOf } from "../load/call.js";
import { LoadProcess } from "../load/load-process.js";
import { readFrames } from "../load/read-frames.js";
import { Subscribers } from "../load/subscribers.js";
import { sharedNowMs } from "../load/ticker.js";
import { WsFanout } from "../peers/ws-fanout.js";
import { type FamilyResult, type Measure, measureOf, ms, type Plot, table, whole } from "../result.js";
import { median, percentile } from "../statistics.js";

/** Entries per audience: about the same number of deliveries each, where that is not too many entries. */
const AUDIENCES = [
  { subscribers: 1, entries: 10_000 },
  { subscribers: 10, entries: 8_000 },
  { subscribers: 100, entries: 4_000 },
  { subscribers: 1_000, entries: 800 },
] as const;

const BATCH = 100;
const HEAR_MS_MAX = 60_000;
const PUBLISH_PER_SECOND = 1_000;
const PUBLISH_MS = 3_000;
const PROBES = 2;

interface FanoutRound {
  readonly by: "service" | "ws";
  readonly subscribers: number;
  readonly deliveriesPerSecond: number;
  readonly mibPerSecond: number;
  /** CPU of the sender per delivery; of the service with ingest. */
  readonly senderUs: number;
  /** Frames that the client held against another subscriber's. */
  readonly compared: number;
  readonly otherCores: number | null;
}

interface PublishRound {
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly publishP50Ms: number;
  readonly publishP99Ms: number;
  readonly acceptedPerSecond: number;
  readonly otherCores: number | null;
}

interface Stage {
  readonly server: ServerProcess;
  readonly load: LoadProcess;
  readonly audience: Subscribers;
  readonly ws: WsFanout;
  readonly wsPort: number;
}

export async function runFanout(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  await using server = await startServer(context, { SEQ_WS_MAX_SUBSCRIBERS: "2000" });
  using load = await LoadProcess.start(server);
  using audience = new Subscribers();
  using ws = new WsFanout();
  const stage = { server, load, audience, ws, wsPort: await ws.listen() };
  const rounds: FanoutRound[] = [];
  const publishes: PublishRound[] = [];
  const count = sized(context, 4, 2);
  for (let round = 0; round < count; round++) {
    for (const { subscribers, entries } of AUDIENCES) {
      context.progress(`fanout: round ${round + 1} of ${count}, ${subscribers} subscribers`);
      // The first round is for compiled code and grown buffers.
      const divisor = round === 0 ? 4 : sized(context, 1, 4);
      const both = await measureBoth(stage, subscribers, entries / divisor);
      if (round > 0) rounds.push(...both);
    }
    context.progress(`fanout: round ${round + 1} of ${count}, publishing`);
    const publish = await measurePublish(context, stage);
    if (round > 0) publishes.push(publish);
  }
  return {
    family: "fanout",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(rounds, publishes),
    measures: measuresOf(rounds, publishes),
    plots: [plotOf(rounds)],
    faults: [],
    raw: { rounds, publishes },
  };
}

/** What each subscriber got is checked by its count and its content: `hear` fails on a frame too few, and where it compared none. */
async function measureBoth(stage: Stage, subscribers: number, entries: number): Promise<FanoutRound[]> {
  const { server, load, audience, ws, wsPort } = stage;
  const head = await headOf(server);
  const path = `/subscribe?from_offset=${head}`;
  await load.prepare({ name: "fanout", inFlight: 8, eventsPerRequest: BATCH, requests: entries / BATCH });
  await audience.open({ port: server.port, path, apiKey: server.adminKey, count: subscribers });
  const send = async (): Promise<void> => void (await load.drive());
  const ours = await measure("service", stage, subscribers, entries, [server.pid, load.pid, audience.pid], send);
  await audience.close();
  const frames = await readFrames(server, head, entries);
  await audience.open({ port: wsPort, path: "/", apiKey: "", count: subscribers });
  const broadcast = (): Promise<void> => ws.broadcast(frames, HEAR_MS_MAX);
  const theirs = await measure("ws", stage, subscribers, entries, [ws.pid, audience.pid], broadcast);
  await audience.close();
  return [ours, theirs];
}

async function measure(
  by: FanoutRound["by"],
  { audience }: Stage,
  subscribers: number,
  entries: number,
  pids: readonly number[],
  send: () => Promise<void>,
): Promise<FanoutRound> {
  const hearing = audience.hear({ messages: entries }, HEAR_MS_MAX);
  hearing.catch(() => {});
  const watch = new CpuWatch(pids);
  const startedMs = sharedNowMs();
  await send();
  const { completeMs, payloadBytes, compared } = await hearing;
  const { cores, otherCores, wallMs } = watch.end();
  const seconds = (completeMs - startedMs) / 1000;
  return {
    by,
    subscribers,
    deliveriesPerSecond: (subscribers * entries) / seconds,
    mibPerSecond: payloadBytes / 2 ** 20 / seconds,
    senderUs: ((cores[0] ?? Number.NaN) * wallMs * 1000) / (subscribers * entries),
    compared,
    otherCores,
  };
}

async function measurePublish(context: BenchContext, stage: Stage): Promise<PublishRound> {
  const { server, load, audience } = stage;
  const msMax = sized(context, PUBLISH_MS, 500);
  const requests = (PUBLISH_PER_SECOND * msMax) / 1000;
  await load.prepare({ name: "publish", inFlight: 1, eventsPerRequest: 1, requests });
  const path = `/subscribe?from_offset=${await headOf(server)}`;
  const subscribers = AUDIENCES.at(-1)!.subscribers - PROBES;
  await audience.open({ port: server.port, path, apiKey: server.adminKey, count: subscribers });
  const watch = new CpuWatch([server.pid, load.pid, audience.pid]);
  const result = await load.driveOpen({ perSecond: PUBLISH_PER_SECOND, msMax, connections: 512, probes: PROBES });
  const { otherCores } = watch.end();
  await audience.hear({ messages: result.accepted }, HEAR_MS_MAX);
  await audience.close();
  return {
    ackP50Ms: percentile(result.ackMs, 0.5),
    ackP99Ms: percentile(result.ackMs, 0.99),
    publishP50Ms: percentile(result.publishMs, 0.5),
    publishP99Ms: percentile(result.publishMs, 0.99),
    acceptedPerSecond: (result.accepted * 1000) / result.wallMs,
    otherCores,
  };
}

function pick(rounds: readonly FanoutRound[], by: FanoutRound["by"], subscribers: number): FanoutRound[] {
  return rounds.filter((round) => round.by === by && round.subscribers === subscribers);
}

function linesOf(rounds: readonly FanoutRound[], publishes: readonly PublishRound[]): string[] {
  const rows = AUDIENCES.map(({ subscribers }) => {
    const [ours, theirs] = [pick(rounds, "service", subscribers), pick(rounds, "ws", subscribers)];
    const of = (own: readonly FanoutRound[], value: (round: FanoutRound) => number): number => median(own.map(value));
    return [
      whole(subscribers),
      whole(of(ours, (round) => round.deliveriesPerSecond)),
      whole(of(theirs, (round) => round.deliveriesPerSecond)),
      median(ours.map((round, index) => round.deliveriesPerSecond / theirs[index]!.deliveriesPerSecond)).toFixed(2),
      whole(of(ours, (round) => round.mibPerSecond)),
      of(ours, (round) => round.senderUs).toFixed(2),
      of(theirs, (round) => round.senderUs).toFixed(2),
    ];
  });
  const of = (value: (round: PublishRound) => number): string => ms(median(publishes.map(value)));
  return [
    "Deliveries of the same frames, one per entry; the service's with ingest of the events, ws's of ready-made frames",
    ...table(["subscribers", "service/s", "ws/s", "ratio", "service MiB/s", "service µs", "ws µs"], rows),
    `Publishing ${whole(PUBLISH_PER_SECOND)} events/s to ${whole(1_000)} subscribers: ` +
      `ack p50 ${of((r) => r.ackP50Ms)}  p99 ${of((r) => r.ackP99Ms)}; entry at a subscriber p50 ${of((r) => r.publishP50Ms)}  ` +
      `p99 ${of((r) => r.publishP99Ms)}; ${whole(median(publishes.map((r) => r.acceptedPerSecond)))} events/s got through`,
  ];
}

function measuresOf(rounds: readonly FanoutRound[], publishes: readonly PublishRound[]): Record<string, Measure> {
  const measures: Record<string, Measure> = {};
  for (const { subscribers } of AUDIENCES) {
    const theirs = pick(rounds, "ws", subscribers);
    const pairs = pick(rounds, "service", subscribers).map((ours, index) => {
      const [left, right] = [ours.otherCores, theirs[index]!.otherCores];
      const otherCores = left === null || right === null ? null : Math.max(left, right);
      const cost = theirs[index]!.senderUs / ours.senderUs;
      return { otherCores, cost, ratio: ours.deliveriesPerSecond / theirs[index]!.deliveriesPerSecond };
    });
    measures[`fanout ${subscribers} / ws`] = measureOf(pairs, ({ ratio }) => ratio);
    measures[`fanout ${subscribers} cpu of ws / service`] = measureOf(pairs, ({ cost }) => cost);
  }
  const beyond = (round: PublishRound): number => Math.max(0, round.publishP99Ms - round.ackP99Ms);
  measures["fanout publish 1000 over ack p99 ms"] = measureOf(publishes, beyond);
  return measures;
}

function plotOf(rounds: readonly FanoutRound[]): Plot {
  const bars = AUDIENCES.flatMap(({ subscribers }) =>
    (["service", "ws"] as const).map((by) => ({
      label: `${by === "ws" ? "naive ws" : "ours"}, ${whole(subscribers)} subscribers`,
      value: median(pick(rounds, by, subscribers).map((round) => round.deliveriesPerSecond)),
      isOurs: by === "service",
    })),
  );
  const note =
    "One frame per entry; ours verifies, orders and flushes the events meanwhile, ws is given ready-made frames.";
  return { kind: "bars", name: "fanout", title: "Deliveries per second", note, unit: "/s", bars };
}
