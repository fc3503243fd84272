/**
 * `npm run bench:proofs`: does ingest feel proofs? Ingest runs at half its capacity, alone and with 200 submissions of
 * STARK proofs in flight all the time, in alternating rounds of one service.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ServerProcess } from "../../src/cli/server-process.js";
import { processCpuMs, threadCpuMs } from "../cpu.js";
import { buildFacts, machineFacts } from "../machine.js";
import { medianRatio, percentile, spread } from "../statistics.js";
import { BenchProcess, type ProofLoadResult } from "./loads.js";

const OPTIONS = {
  rounds: { type: "string", default: "7" },
  seconds: { type: "string", default: "3" },
  submitters: { type: "string", default: "200" },
  rate: { type: "string" },
  folder: { type: "string", default: tmpdir() },
} as const;

const CAPACITY_REQUESTS = 12_000;
/** More than a service on two cores takes in a run's rounds. */
const SUBMISSIONS_PER_SECOND_MAX = 800;
/** What the issue of proofs asks of the ratio. */
const RATIO_MAX = 1.1;

interface Phase {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCores: number;
  readonly mainThreadCores: number;
}

interface Bench {
  readonly server: ServerProcess;
  readonly ingest: BenchProcess;
  readonly proofs: BenchProcess;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  readonly submitters: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  const [rounds, seconds, submitters] = [Number(values.rounds), Number(values.seconds), Number(values.submitters)];
  const folder = mkdtempSync(join(values.folder, "sequencer-bench-"));
  try {
    await using server = await ServerProcess.start({ folder: join(folder, "data") });
    using ingest = new BenchProcess();
    using proofs = new BenchProcess();
    const target = { port: server.port, adminKey: server.adminKey };
    await ingest.ask("ingest.open", target);
    const submissions = (rounds + 1) * (seconds + 2) * SUBMISSIONS_PER_SECOND_MAX;
    await proofs.ask("proofs.open", { target, submissions });
    const warmUp = await ingest.ask("ingest.capacity", CAPACITY_REQUESTS);
    const capacity = Math.max(warmUp, await ingest.ask("ingest.capacity", CAPACITY_REQUESTS));
    const requestsPerSecond = values.rate === undefined ? Math.round(capacity / 2) : Number(values.rate);
    const { cpu, cores, node, fileSystem } = machineFacts(folder);
    const { commit, isModified, transport } = buildFacts();
    console.log(
      `${commit}${isModified ? "+" : ""} on ${cpu}, ${cores} cores, Node ${node}, ${fileSystem}, ${transport} transport`,
    );
    console.log(
      `capacity ${Math.round(capacity)} single events/s; offered ${requestsPerSecond}/s, ${seconds} s a phase`,
    );
    await run({ server, ingest, proofs, requestsPerSecond, seconds, submitters }, rounds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every second round is measured the other way round, so that a drift of the machine falls on both. */
async function run(bench: Bench, rounds: number): Promise<void> {
  const [alone, beside]: [Phase[], Phase[]] = [[], []];
  for (let round = -1; round < rounds; round++) {
    const phases = { alone: () => measure(bench), beside: () => measureBeside(bench) };
    const first = round % 2 === 0 ? "alone" : "beside";
    const second = first === "alone" ? "beside" : "alone";
    const results = { [first]: await phases[first](), [second]: await phases[second]() };
    // The first one warms both paths up.
    if (round === -1) continue;
    alone.push(results.alone!);
    beside.push(results.beside!);
    console.log(`${round + 1}: alone ${line(results.alone!)} | beside ${line(results.beside!)}`);
  }
  const p99 = (phases: readonly Phase[]): number[] => phases.map(({ p99Ms }) => p99Ms);
  const p50 = (phases: readonly Phase[]): number[] => phases.map(({ p50Ms }) => p50Ms);
  const ratio = medianRatio(p99(beside), p99(alone));
  console.log(
    `ack p50 ${text(p50(alone))} alone, ${text(p50(beside))} beside: ${medianRatio(p50(beside), p50(alone)).toFixed(3)}`,
  );
  console.log(`ack p99 ${text(p99(alone))} alone, ${text(p99(beside))} beside: ${ratio.toFixed(3)}`);
  console.log(
    `${ratio <= RATIO_MAX ? "PASS" : "FAIL"} median of the rounds' p99 ratios ${ratio.toFixed(3)} (bound ${RATIO_MAX})`,
  );
}

async function measureBeside(bench: Bench): Promise<Phase & { readonly proofs: ProofLoadResult; readonly ms: number }> {
  const startedMs = performance.now();
  await bench.proofs.ask("proofs.start", bench.submitters);
  const phase = await measure(bench);
  const proofs = await bench.proofs.ask("proofs.stop");
  return { ...phase, proofs, ms: performance.now() - startedMs };
}

async function measure({ server, ingest, requestsPerSecond, seconds }: Bench): Promise<Phase> {
  const before = [processCpuMs(server.pid)!, threadCpuMs(server.pid, server.pid)!];
  const { ackMs, wallMs, refusals } = await ingest.ask("ingest.run", { requestsPerSecond, seconds });
  if (refusals > 0) throw new Error(`${refusals} ingest requests were not answered with 200`);
  return {
    p50Ms: percentile(ackMs, 0.5),
    p99Ms: percentile(ackMs, 0.99),
    serverCores: (processCpuMs(server.pid)! - before[0]!) / wallMs,
    mainThreadCores: (threadCpuMs(server.pid, server.pid)! - before[1]!) / wallMs,
  };
}

function line(phase: Phase & { readonly proofs?: ProofLoadResult; readonly ms?: number }): string {
  const { p50Ms, p99Ms, serverCores, mainThreadCores, proofs, ms } = phase;
  const cores = `${serverCores.toFixed(2)} cores (main thread ${mainThreadCores.toFixed(2)})`;
  const ack = `p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms, ${cores}`;
  if (proofs === undefined) return ack;
  const stored = ((proofs.statuses[200] ?? 0) * 1000) / ms!;
  return `${ack}, proofs ${stored.toFixed(0)}/s p50 ${percentile(proofs.ackMs, 0.5).toFixed(0)} ms ${JSON.stringify(proofs.statuses)}`;
}

function text(values: readonly number[]): string {
  const { median, min, max } = spread(values);
  return `${median.toFixed(2)} ms (${min.toFixed(2)}-${max.toFixed(2)})`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
});
