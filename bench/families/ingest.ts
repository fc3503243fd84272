/** Closed-loop ingest beside the machine's limits and, in the same rounds, beside what a user would take instead. */
import { type BenchContext, startServer } from "../context.js";
import { coreLimit, type KernelCosts, withTables } from "../kernels.js";
import { LoadProcess } from "../load/load-process.js";
import { type LimitRound, type LoadRound, type LoadSummary, summarize } from "../measurement.js";
import { type AbsentPeer, measurePeer, type Peer, type PeerRound } from "../peers/peer.js";
import { type Peers, startPeers } from "../peers/start-peers.js";
import { type Load, makePlan, type Plan, ROUNDS_MIN } from "../plan.js";
import { ingestLines } from "../report/ingest-lines.js";
import { ingestPlots } from "../report/ingest-plots.js";
import { type FamilyResult, isQuiet, type Measure, NOT_QUIET, notMeasured, QUIET_ROUNDS_MIN } from "../result.js";
import { type Bench, measureLimits, measureLoad } from "../run-round.js";

export interface IngestRaw {
  readonly plan: Plan;
  readonly limits: readonly LimitRound[];
  readonly loads: readonly LoadSummary[];
  readonly peers: readonly { readonly name: string; readonly durability: string }[];
  readonly absentPeers: readonly AbsentPeer[];
  /** By load, a value per round. */
  readonly peerRounds: Readonly<Record<string, readonly PeerRound[]>>;
}

const PEER_NAMES = ["postgres", "redis", "nats"];

export async function runIngest(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  const plan = makePlan(context);
  await using peers = context.only === null ? await startPeers(context.folder) : noPeers();
  const raw = await runRounds(context, plan, peers);
  return {
    family: "ingest",
    seconds: (performance.now() - startedMs) / 1000,
    lines: ingestLines(raw, context.machine.cores),
    measures: measuresOf(raw, context.machine.cores),
    plots: ingestPlots(raw, context.machine.cores),
    faults: raw.loads.flatMap(({ load, invalid }) => (invalid === null ? [] : [`${load.name}: ${invalid}`])),
    raw,
  };
}

async function runRounds(context: BenchContext, plan: Plan, peers: Peers): Promise<IngestRaw> {
  const startedMs = performance.now();
  const limits: LimitRound[] = [];
  const all = [...plan.loads, ...plan.shapes];
  const rounds = new Map<string, LoadRound[]>(all.map(({ name }) => [name, []]));
  const peerRounds: Record<string, PeerRound[]> = {};
  await using server = await startServer(context);
  using load = await LoadProcess.start(server);
  const bench: Bench = { server, load, folder: context.folder, events: 0 };
  await warmUp(context, bench, plan, peers.present);
  for (let round = 0; round < plan.rounds; round++) {
    if (round >= ROUNDS_MIN && performance.now() - startedMs > plan.msMax) break;
    context.progress(`ingest: round ${round + 1} of ${plan.rounds}`);
    limits.push(await measureLimits(bench, plan));
    const measure = async (shape: Load): Promise<void> => {
      rounds.get(shape.name)!.push(await measureLoad(bench, shape));
    };
    for (const shape of plan.loads) {
      await measure(shape);
      // One peer's turn after each of ours: both sides of a ratio see the same minute.
      for (const name of turn(plan.loads.indexOf(shape))) await measurePeers(peers.present, name, plan, peerRounds);
    }
    if (round < plan.shapeRounds) for (const shape of plan.shapes) await measure(shape);
  }
  const { cores } = context.machine;
  const loads = all.map((shape) => {
    const own = rounds.get(shape.name)!;
    return summarize(shape, limits.slice(0, own.length), own, cores);
  });
  const present = peers.present.map(({ name, durability }) => ({ name, durability }));
  return { plan, limits, loads, peers: present, absentPeers: peers.absent, peerRounds };
}

function turn(index: number): readonly string[] {
  return PEER_NAMES.slice(index, index + 1);
}

async function measurePeers(
  peers: readonly Peer[],
  name: string,
  plan: Plan,
  rounds: Record<string, PeerRound[]>,
): Promise<void> {
  for (const peer of peers.filter((candidate) => candidate.name === name)) {
    for (const load of peer.loads) {
      rounds[load.name] = [...(rounds[load.name] ?? []), await measurePeer(peer, load, plan.peerMs)];
    }
  }
}

async function warmUp(context: BenchContext, bench: Bench, plan: Plan, peers: readonly Peer[]): Promise<void> {
  context.progress("ingest: warming up");
  await measureLimits(bench, plan);
  for (const shape of plan.warmups) {
    const { invalid } = await measureLoad(bench, shape);
    if (invalid !== null) throw new Error(`warm-up ${shape.name}: ${invalid}`);
  }
  for (const peer of peers) for (const load of peer.loads) await measurePeer(peer, load, plan.peerMs / 4);
}

function noPeers(): Peers {
  const absent = PEER_NAMES.map((name) => ({ name, because: "not part of this run (--only)" }));
  return { present: [], absent, [Symbol.asyncDispose]: async () => {} };
}

/** Ratios are made round by round, of the rounds in which our load had the machine to itself. */
function measuresOf(raw: IngestRaw, cores: number): Record<string, Measure> {
  const measures: Record<string, Measure> = {};
  for (const summary of raw.loads) {
    const { name } = summary.load;
    const of = (value: (round: LoadRound, index: number) => number): Measure => loadMeasure(summary, value);
    measures[`ingest ${name} events/s`] = of((round) => round.eventsPerSecond);
    measures[`ingest ${name} ack p50 ms`] = of((round) => round.ackP50Ms);
    measures[`ingest ${name} ack p99 ms`] = of((round) => round.ackP99Ms);
    for (const [peerLoad, peerRounds] of Object.entries(raw.peerRounds)) {
      measures[`ingest ${name} / ${peerLoad}`] = of(
        (round, index) => round.eventsPerSecond / (peerRounds[index]?.eventsPerSecond ?? Number.NaN),
      );
    }
    const perEvent = ["postgres.1", "postgres.8", "postgres.32"].map((peerLoad) => raw.peerRounds[peerLoad]);
    const absent = raw.absentPeers.find((peer) => peer.name === "postgres");
    measures[`ingest ${name} / best postgres`] =
      absent === undefined
        ? of((round, index) => round.eventsPerSecond / bestRate(perEvent, index))
        : notMeasured(`PostgreSQL: ${absent.because}`);
    const redis = raw.absentPeers.find((peer) => peer.name === "redis");
    if (redis !== undefined) measures[`ingest ${name} / redis.pipelined64`] = notMeasured(`Redis: ${redis.because}`);
    limitMeasures(raw, cores, summary, measures, of);
  }
  return measures;
}

type Of = (value: (round: LoadRound, index: number) => number) => Measure;

function limitMeasures(
  { limits }: IngestRaw,
  cores: number,
  { load }: LoadSummary,
  measures: Record<string, Measure>,
  of: Of,
): void {
  // The limit is of events of 200 bytes.
  if (load.payloadBytes !== undefined) return;
  const idleMs = (index: number): number => limits[index]!.flushP50Ms + 0.3;
  const isBatch = load.eventsPerRequest > 1;
  const kernels = (index: number): KernelCosts => limits[index]!.kernelUs;
  measures[`ingest ${load.name} / limit`] = of(
    (round, index) => round.eventsPerSecond / coreLimit(kernels(index), isBatch, cores),
  );
  measures[`ingest ${load.name} / limit with tables`] = of(
    (round, index) => round.eventsPerSecond / coreLimit(withTables(kernels(index)), isBatch, cores),
  );
  measures[`ingest ${load.name} ack p50 / idle`] = of((round, index) => round.ackP50Ms / idleMs(index));
  measures[`ingest ${load.name} ack p99 / idle`] = of((round, index) => round.ackP99Ms / idleMs(index));
}

function bestRate(loads: readonly (readonly PeerRound[] | undefined)[], index: number): number {
  return Math.max(...loads.map((rounds) => rounds?.[index]?.eventsPerSecond ?? Number.NaN));
}

function loadMeasure(summary: LoadSummary, value: (round: LoadRound, index: number) => number): Measure {
  const indexed = summary.rounds.map((round, index) => ({ round, index }));
  const quiet = indexed.filter(({ round }) => isQuiet(round.otherCores));
  const used = quiet.length >= QUIET_ROUNDS_MIN ? quiet : indexed;
  const because =
    summary.invalid !== null ? "the figure is invalid" : quiet.length >= QUIET_ROUNDS_MIN ? null : NOT_QUIET;
  return { values: used.map(({ round, index }) => value(round, index)), because };
}
