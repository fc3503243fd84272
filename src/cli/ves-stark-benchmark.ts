/** `ves-stark benchmark`: proving and verifying on this machine, beside a bare BLAKE3 loop. */
import type { Command } from "commander";
import { bindInputs, makeAmountBinding } from "../stark/amount-binding.js";
import { complianceStatement } from "../stark/compliance-inputs.js";
import type { ExactJsonObject } from "../stark/exact-json.js";
import type { Kernels } from "../stark/kernels.js";
import { effectiveLimit } from "../stark/policy.js";
import { proveCompliance } from "../stark/prove.js";
import type { ProofProfile } from "../stark/v2/options.js";
import { verify } from "../stark/verify.js";
import { addJson, addProfile, amountOption, type JsonFlag, parseCount, policyOfFlags } from "./ves-stark-flags.js";
import { randomInputs } from "./ves-stark-inputs.js";
import { answer, loadKernels, withProgress } from "./ves-stark-io.js";

const COUNT_MAX = 100_000;

interface BenchmarkFlags extends JsonFlag {
  readonly iterations: number;
  readonly maxAmount: bigint;
  readonly limit: bigint;
  readonly policy: string;
  readonly profile: ProofProfile;
}

/** Times proving and verifying beside a bare BLAKE3 loop, the measure of this machine. */
function benchmark(flags: BenchmarkFlags): void {
  const kernels = loadKernels();
  const policy = policyOfFlags(flags);
  const inputs = randomInputs(policy);
  const proveMs: number[] = [];
  const verifyMs: number[] = [];
  withProgress("benchmark", flags.iterations, (i) => {
    const amount = (flags.maxAmount * BigInt(i + 1)) / BigInt(flags.iterations);
    const binding = makeAmountBinding(inputs, amount);
    const claim = complianceStatement(bindInputs(kernels, inputs, binding), null);
    const start = performance.now();
    const { proof, statement } = proveCompliance(kernels, amount, claim, flags.profile);
    const proved = performance.now();
    const verdict = verify(kernels, proof, statement, { profiles: [flags.profile] });
    verifyMs.push(performance.now() - proved);
    proveMs.push(proved - start);
    if (!verdict.valid) throw new Error(`own proof refused: ${verdict.code}`);
  });
  const json: ExactJsonObject = {
    iterations: BigInt(flags.iterations),
    profile: flags.profile,
    effectiveLimit: effectiveLimit(policy),
    ...percentiles("prove", proveMs),
    ...percentiles("verify", verifyMs),
    blake3CompressionNs: bareBlake3Ns(kernels),
  };
  answer(
    flags.json === true,
    json,
    Object.entries(json).map(([name, value]) => `${name}: ${value}`),
  );
}

function percentiles(name: string, samplesMs: readonly number[]): Record<string, number> {
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const at = (share: number): number =>
    Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(3));
  return { [`${name}P50Ms`]: at(0.5), [`${name}P99Ms`]: at(0.99) };
}

/** Nanoseconds per BLAKE3 compression of the plain, one-message path: median of short runs. */
function bareBlake3Ns(kernels: Kernels): number {
  const [runs, rounds] = [21, 2000];
  const mark = kernels.mark();
  const block = kernels.alloc(96);
  const samples = Array.from({ length: runs }, () => {
    const start = performance.now();
    for (let i = 0; i < rounds; i++) kernels.call.hash(block + 64, block, 64);
    return ((performance.now() - start) * 1e6) / rounds;
  });
  kernels.release(mark);
  return Number(samples.sort((a, b) => a - b)[Math.floor(runs / 2)]!.toFixed(1));
}

export function addBenchmarkCommand(program: Command): void {
  addJson(addProfile(program.command("benchmark"), "55"))
    .description("time proving and verifying on this machine")
    .option("-n, --iterations <count>", "proofs to make", parseCount(COUNT_MAX), 10)
    .addOption(amountOption("-m, --max-amount <integer>", "largest amount"))
    .addOption(amountOption("-l, --limit <integer>", "threshold or cap"))
    .option("-p, --policy <id>", "aml.threshold or order_total.cap", "order_total.cap")
    .action(benchmark);
}
