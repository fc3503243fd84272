/**
 * Twice what the service can take, at intended times: how much still gets done, how fast the rest is refused, what it costs in
 * memory. And single events of other tenants while one tenant floods the service with batches of 1,000.
 */
import type { ServerProcess } from "../../src/cli/server-process.js";
import { type BenchContext, CpuWatch, sized, startServer } from "../context.js";
import { processRssMib } from "../cpu.js";
import { headOf } from "../load/call.js";
import { LoadProcess } from "../load/load-process.js";
import type { Load } from "../plan.js";
import { type FamilyResult, type Measure, measureOf, ms, notMeasured, table, whole } from "../result.js";
import { median, percentile } from "../statistics.js";
import { headFault } from "./latency.js";

/** More than the service admits: what waits for a connection would hide a refusal. */
const SHAPES: readonly (Load & { readonly connections: number })[] = [
  { name: "single", inFlight: 64, eventsPerRequest: 1, requests: 12_000, connections: 5_000 },
  { name: "batch100", inFlight: 8, eventsPerRequest: 100, requests: 200, connections: 1_000 },
];

/** In flight: what the service admits of one tenant, about. */
const FLOOD: Load = { name: "flood", inFlight: 12, eventsPerRequest: 1000, requests: 80, agents: 1 };
const FLOODED_PER_SECOND = 100;
const FLOODED_MS = 3_000;

interface OverloadRound {
  readonly shape: string;
  readonly peakPerSecond: number;
  readonly offeredPerSecond: number;
  readonly goodputPerSecond: number;
  /** Cores that this load's client took at the peak and in the overload: it takes them from the service. */
  readonly clientCores: readonly number[];
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly refused: number;
  readonly refusalP50Ms: number;
  readonly refusalP99Ms: number;
  readonly refusalMaxMs: number;
  readonly refusalsWithoutRetryAfter: number;
  readonly clientLateP99Ms: number;
  readonly rssMaxMib: number;
  readonly otherCores: number | null;
}

interface FloodRound {
  readonly bulkAckP50Ms: number;
  readonly bulkEventsPerSecond: number;
  readonly singles: number;
  readonly singlesRefused: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly ackMaxMs: number;
  readonly otherCores: number | null;
}

export async function runOverload(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  await using server = await startServer(context);
  using load = await LoadProcess.start(server);
  using other = await LoadProcess.start(server);
  const faults: string[] = [];
  const rounds: OverloadRound[] = [];
  const floods: FloodRound[] = [];
  let events = 0;
  const count = sized(context, 3, 1);
  for (let round = 0; round < count; round++) {
    for (const shape of SHAPES) {
      context.progress(`overload: round ${round + 1} of ${count}, ${shape.name}`);
      const result = await measureOverload(context, server, load, shape);
      events += result.events;
      rounds.push(result.round);
      const fault = result.fault ?? (await headFault(server, events));
      if (fault !== null) faults.push(`${shape.name}: ${fault}`);
    }
    context.progress(`overload: round ${round + 1} of ${count}, flood`);
    floods.push(await measureFlood(context, server, load, other));
    events = await headOf(server);
  }
  return {
    family: "overload",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(rounds, floods),
    measures: measuresOf(rounds, floods),
    plots: [],
    faults,
    raw: { rounds, floods },
  };
}

async function measureOverload(
  context: BenchContext,
  server: ServerProcess,
  load: LoadProcess,
  { connections, ...shape }: Load & { readonly connections: number },
): Promise<{ round: OverloadRound; events: number; fault: string | null }> {
  await load.prepare({ ...shape, requests: sized(context, shape.requests, shape.requests / 10) });
  const peak = await load.drive();
  const peakPerSecond = (peak.eventsAccepted * 1000) / peak.wallMs;
  const perSecond = (2 * peakPerSecond) / shape.eventsPerRequest;
  const msMax = sized(context, 3_000, 500);
  await load.prepare({ ...shape, requests: Math.ceil((perSecond * msMax) / 1000) });
  const rss = new RssWatch(server.pid);
  const watch = new CpuWatch([server.pid, load.pid]);
  const result = await load.driveOpen({ perSecond, msMax, connections, probes: 0 });
  const { cores, otherCores } = watch.end();
  const round = {
    shape: shape.name,
    peakPerSecond,
    offeredPerSecond: (result.requestsSent * shape.eventsPerRequest * 1000) / result.offeredMs,
    goodputPerSecond: (result.eventsAccepted * 1000) / result.wallMs,
    clientCores: [peak.clientCpuMs / peak.wallMs, cores[1] ?? Number.NaN],
    ackP50Ms: percentile(result.ackMs, 0.5),
    ackP99Ms: percentile(result.ackMs, 0.99),
    refused: result.refusalMs.length,
    refusalP50Ms: percentile(result.refusalMs, 0.5),
    refusalP99Ms: percentile(result.refusalMs, 0.99),
    refusalMaxMs: percentile(result.refusalMs, 1),
    refusalsWithoutRetryAfter: result.refusalsWithoutRetryAfter,
    clientLateP99Ms: percentile(result.lateMs, 0.99),
    rssMaxMib: rss.end(),
    otherCores,
  };
  const isWhole = result.eventsAccepted === result.accepted * shape.eventsPerRequest && result.faults === 0;
  const fault = isWhole ? null : `${result.faults} requests failed, or were accepted in part`;
  return { round, events: peak.eventsAccepted + result.eventsAccepted, fault };
}

async function measureFlood(
  context: BenchContext,
  server: ServerProcess,
  load: LoadProcess,
  other: LoadProcess,
): Promise<FloodRound> {
  const msMax = sized(context, FLOODED_MS, 600);
  await load.prepare({ ...FLOOD, requests: sized(context, FLOOD.requests, 45) });
  const requests = (FLOODED_PER_SECOND * msMax) / 1000;
  await other.prepare({ name: "flooded", inFlight: 1, eventsPerRequest: 1, requests });
  const watch = new CpuWatch([server.pid, load.pid, other.pid]);
  const flood = load.drive();
  flood.catch(() => {});
  // Once the flood's backlog stands.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const flooded = await other.driveOpen({ perSecond: FLOODED_PER_SECOND, msMax, connections: 256, probes: 0 });
  const bulk = await flood;
  const { otherCores } = watch.end();
  return {
    bulkAckP50Ms: percentile(bulk.ackMs, 0.5),
    bulkEventsPerSecond: (bulk.eventsAccepted * 1000) / bulk.wallMs,
    singles: flooded.requestsSent,
    singlesRefused: flooded.refusalMs.length,
    ackP50Ms: percentile(flooded.ackMs, 0.5),
    ackP99Ms: percentile(flooded.ackMs, 0.99),
    ackMaxMs: percentile(flooded.ackMs, 1),
    otherCores,
  };
}

/** Highest resident memory between start and end. */
class RssWatch {
  #maxMib = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    const look = (): void => {
      this.#maxMib = Math.max(this.#maxMib, processRssMib(pid) ?? Number.NaN);
    };
    look();
    this.#timer = setInterval(look, 100);
  }

  end(): number {
    clearInterval(this.#timer);
    return this.#maxMib;
  }
}

function linesOf(rounds: readonly OverloadRound[], floods: readonly FloodRound[]): string[] {
  const rows = SHAPES.map(({ name }) => {
    const own = rounds.filter(({ shape }) => shape === name);
    const of = (pick: (round: OverloadRound) => number): number => median(own.map(pick));
    // Without those where nothing was refused: a peak that was measured too low is no overload at twice that.
    const refusing = own.filter(({ refused }) => refused > 0);
    const refusal = (of: (values: readonly number[]) => number, pick: (round: OverloadRound) => number): string =>
      refusing.length === 0 ? "-" : ms(of(refusing.map(pick)));
    return [
      name,
      whole(of((round) => round.peakPerSecond)),
      whole(of((round) => round.offeredPerSecond)),
      whole(of((round) => round.goodputPerSecond)),
      of((round) => round.goodputPerSecond / round.peakPerSecond).toFixed(2),
      of((round) => round.clientCores[1]! - round.clientCores[0]!).toFixed(2),
      ms(of((round) => round.ackP50Ms)),
      ms(of((round) => round.ackP99Ms)),
      whole(of((round) => round.refused)),
      refusal(median, (round) => round.refusalP50Ms),
      refusal(median, (round) => round.refusalP99Ms),
      refusal(
        (values) => Math.max(...values),
        (round) => round.refusalMaxMs,
      ),
      ms(of((round) => round.clientLateP99Ms)),
      `${whole(Math.max(...own.map((round) => round.rssMaxMib)))} MiB`,
    ];
  });
  const columns = ["load", "peak/s", "offered/s", "goodput/s", "of peak", "client +cores", "ack p50", "p99", "refused"];
  const of = (pick: (round: FloodRound) => number): number => median(floods.map(pick));
  return [
    `Open loop at 200 % of a closed loop's peak; medians of ${floods.length} rounds, refusal max and RSS of all`,
    ...table([...columns, "refusal p50", "p99", "max", "client late p99", "RSS max"], rows),
    `Flood: one tenant, ${FLOOD.inFlight} batches of ${FLOOD.eventsPerRequest} in flight, ${whole(of((r) => r.bulkEventsPerSecond))} events/s, ack p50 ${ms(of((r) => r.bulkAckP50Ms))}; ` +
      `single events of others meanwhile: ack p50 ${ms(of((r) => r.ackP50Ms))}  p99 ${ms(of((r) => r.ackP99Ms))}  ` +
      `max ${ms(of((r) => r.ackMaxMs))}, ${floods.reduce((sum, r) => sum + r.singlesRefused, 0)} of ${floods.reduce((sum, r) => sum + r.singles, 0)} refused`,
  ];
}

/** Of the load whose refusals take longest: the other's, which are few and quick, say nothing of them. */
function slowestRefusals(refusing: readonly OverloadRound[]): Measure | undefined {
  const perLoad = SHAPES.map(({ name }) => refusing.filter(({ shape }) => shape === name))
    .filter((own) => own.length > 0)
    .map((own) => measureOf(own, (r) => r.refusalMaxMs));
  return perLoad.sort((a, b) => median(b.values) - median(a.values))[0];
}

/** How long the service works on one of the flood's batches. */
function bulkBatchMs({ bulkEventsPerSecond }: FloodRound): number {
  return (FLOOD.eventsPerRequest * 1000) / bulkEventsPerSecond;
}

function measuresOf(rounds: readonly OverloadRound[], floods: readonly FloodRound[]): Record<string, Measure> {
  const measures: Record<string, Measure> = {};
  for (const { name } of SHAPES) {
    const own = rounds.filter(({ shape }) => shape === name);
    measures[`overload ${name} goodput / peak`] = measureOf(own, (r) => r.goodputPerSecond / r.peakPerSecond);
  }
  const refusing = rounds.filter(({ refused }) => refused > 0);
  const none = notMeasured("nothing was refused: the client offers too little");
  const missing = measureOf(refusing, (r) => r.refusalsWithoutRetryAfter);
  measures["overload refusal max ms"] = slowestRefusals(refusing) ?? none;
  measures["overload refusals without retry-after"] = refusing.length === 0 ? none : { ...missing, because: null };
  const batches = rounds.filter(({ shape }) => shape === "batch100");
  measures["overload batch100 ack p50 ms"] = measureOf(batches, (r) => r.ackP50Ms);
  measures["overload flooded single p99 / bulk batch"] = measureOf(floods, (r) => r.ackP99Ms / bulkBatchMs(r));
  measures["overload flooded singles refused"] = { values: floods.map((r) => r.singlesRefused), because: null };
  return measures;
}
