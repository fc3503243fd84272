/**
 * Does ingest feel proofs? Single events at half of what a closed loop just reached, alone and with 200 submissions of
 * `secure` STARK proofs unanswered all the time, in alternating phases of one service.
 */
import type { ServerProcess } from "../../src/cli/server-process.js";
import { type BenchContext, CpuWatch, sized, startServer } from "../context.js";
import { threadCpuMs } from "../cpu.js";
import { LoadProcess } from "../load/load-process.js";
import type { OpenDriveResult } from "../load/load-session.js";
import { type ProofLoadResult, ProofProcess } from "../load/proof-process.js";
import type { Load } from "../plan.js";
import { type FamilyResult, isQuiet, measureOf, ms, table, whole } from "../result.js";
import { median, percentile } from "../statistics.js";

const SATURATION: Load = { name: "saturation", inFlight: 64, eventsPerRequest: 1, requests: 10_000 };
const CONNECTIONS = 1024;
const SUBMITTERS = 200;
/** More than a service on two cores stores. */
const SUBMISSIONS_PER_SECOND_MAX = 500;

interface Phase {
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly serverCores: number | null;
  readonly mainThreadCores: number | null;
  readonly otherCores: number | null;
  readonly proofs: ProofLoadResult | null;
}

interface Round {
  readonly offeredPerSecond: number;
  readonly alone: Phase;
  readonly beside: Phase;
  /** The busier of both phases. */
  readonly otherCores: number | null;
}

interface Parts {
  readonly server: ServerProcess;
  readonly load: LoadProcess;
  readonly proofs: ProofProcess;
  readonly phaseMs: number;
  readonly faults: string[];
}

export async function runProofs(context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  const count = sized(context, 8, 1);
  const phaseMs = sized(context, 3_000, 600);
  await using server = await startServer(context);
  using load = await LoadProcess.start(server);
  const submissions = (count + 1) * (phaseMs / 1000 + 3) * SUBMISSIONS_PER_SECOND_MAX;
  using proofs = await ProofProcess.start(server, submissions);
  const parts: Parts = { server, load, proofs, phaseMs, faults: [] };
  const rounds: Round[] = [];
  for (let round = -1; round < count; round++) {
    context.progress(`proofs: round ${round + 1} of ${count}`);
    const result = await measureRound(context, parts, round % 2 === 0);
    // The first one warms both paths up.
    if (round >= 0) rounds.push(result);
  }
  return {
    family: "proofs",
    seconds: (performance.now() - startedMs) / 1000,
    lines: linesOf(rounds),
    measures: {
      "proofs ack p99 beside / alone": measureOf(rounds, ({ alone, beside }) => beside.ackP99Ms / alone.ackP99Ms),
      "proofs ack p50 beside / alone": measureOf(rounds, ({ alone, beside }) => beside.ackP50Ms / alone.ackP50Ms),
    },
    plots: [],
    faults: parts.faults,
    raw: {
      rounds: rounds.map(({ alone, beside, ...facts }) => ({ ...facts, alone: rawOf(alone), beside: rawOf(beside) })),
    },
  };
}

/** Every second round is measured the other way round, so that a drift of the machine falls on both. */
async function measureRound(context: BenchContext, parts: Parts, aloneFirst: boolean): Promise<Round> {
  const { load } = parts;
  await load.prepare({ ...SATURATION, requests: sized(context, SATURATION.requests, 1_000) });
  const { eventsAccepted, wallMs } = await load.drive();
  const perSecond = (eventsAccepted * 500) / wallMs;
  const first = await measurePhase(parts, perSecond, !aloneFirst);
  const second = await measurePhase(parts, perSecond, aloneFirst);
  const [alone, beside] = aloneFirst ? [first, second] : [second, first];
  const others = [alone.otherCores, beside.otherCores];
  const otherCores = others.includes(null) ? null : Math.max(...others.map((cores) => cores!));
  return { offeredPerSecond: perSecond, alone, beside, otherCores };
}

async function measurePhase(parts: Parts, perSecond: number, hasProofs: boolean): Promise<Phase> {
  const { server, load, proofs, phaseMs } = parts;
  const requests = Math.ceil((perSecond * phaseMs) / 1000) + 1;
  await load.prepare({ name: "half", inFlight: 1, eventsPerRequest: 1, requests });
  if (hasProofs) await proofs.begin(SUBMITTERS);
  const watch = new CpuWatch([server.pid, load.pid, proofs.pid]);
  const mainBeforeMs = threadCpuMs(server.pid, server.pid);
  const result = await load.driveOpen({ perSecond, msMax: phaseMs, connections: CONNECTIONS, probes: 0 });
  const mainAfterMs = threadCpuMs(server.pid, server.pid);
  const { cores, otherCores, wallMs } = watch.end();
  const submitted = hasProofs ? await proofs.end() : null;
  noteFaults(parts.faults, result, submitted);
  return {
    ackP50Ms: percentile(result.ackMs, 0.5),
    ackP99Ms: percentile(result.ackMs, 0.99),
    serverCores: cores[0]!,
    mainThreadCores: mainBeforeMs === null || mainAfterMs === null ? null : (mainAfterMs - mainBeforeMs) / wallMs,
    otherCores,
    proofs: submitted,
  };
}

/** Every event accepted; every submission stored, or refused as busy or late. */
function noteFaults(faults: string[], result: OpenDriveResult, submitted: ProofLoadResult | null): void {
  const { faults: wrong, refusalMs, eventsAccepted, accepted } = result;
  if (wrong + refusalMs.length > 0 || eventsAccepted !== accepted) {
    faults.push(`${wrong + refusalMs.length} events were not answered with 200`);
  }
  if (submitted === null) return;
  const unexpected = Object.keys(submitted.statuses).filter((status) => !["200", "503", "504"].includes(status));
  if (unexpected.length > 0) faults.push(`submissions were answered with ${unexpected.join(", ")}`);
  if ((submitted.statuses[200] ?? 0) === 0) faults.push("no proof was stored");
}

function linesOf(rounds: readonly Round[]): string[] {
  const row = (name: "alone" | "beside"): string[] => {
    const of = (pick: (phase: Phase) => number): string => median(rounds.map((round) => pick(round[name]))).toFixed(2);
    return [
      name === "alone" ? "ingest alone" : `beside ${SUBMITTERS} submitters`,
      `${of((phase) => phase.ackP50Ms)} ms`,
      `${of((phase) => phase.ackP99Ms)} ms`,
      of((phase) => phase.serverCores ?? Number.NaN),
      of((phase) => phase.mainThreadCores ?? Number.NaN),
      of(storedPerSecond),
      of(({ proofs }) => (proofs === null ? 0 : percentile(proofs.ackMs, 0.5))),
    ];
  };
  const ratios = rounds.map(({ alone, beside }) => beside.ackP99Ms / alone.ackP99Ms);
  const quiet = rounds.filter(({ otherCores }) => isQuiet(otherCores)).length;
  return [
    `Open loop at half of saturation, ${whole(median(rounds.map((round) => round.offeredPerSecond)))} single events/s; ` +
      `medians of ${rounds.length} rounds, ${quiet} of them quiet`,
    ...table(
      ["", "ack p50", "ack p99", "server cores", "main thread", "proofs/s", "proof ack p50 ms"],
      [row("alone"), row("beside")],
    ),
    `p99 of each round beside over alone: ${ratios.map((ratio) => ratio.toFixed(2)).join(" ")}; median ${median(ratios).toFixed(3)}`,
    `p99 alone ${rounds.map(({ alone }) => ms(alone.ackP99Ms)).join(" ")}; beside ${rounds.map(({ beside }) => ms(beside.ackP99Ms)).join(" ")}`,
  ];
}

function storedPerSecond({ proofs }: Phase): number {
  return proofs === null ? 0 : ((proofs.statuses[200] ?? 0) * 1000) / proofs.wallMs;
}

function rawOf({ proofs, ...phase }: Phase) {
  const statuses = proofs === null ? null : proofs.statuses;
  return {
    ...phase,
    statuses,
    storedPerSecond: proofs === null ? null : (proofs.statuses[200] ?? 0) / (proofs.wallMs / 1000),
  };
}
