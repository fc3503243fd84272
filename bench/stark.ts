/**
 * `npm run bench:stark`: proving and verifying on one thread, each round beside a bare BLAKE3 loop of the same kernels, so
 * that a figure can be told from the machine's mood. Proofs are made first; amounts and ids are fixed, so every run does
 * the same work.
 */
import { readFileSync } from "node:fs";
import { uuidToBytes } from "../src/base/ids.js";
import { complianceStatement, parseComplianceInputs } from "../src/stark/compliance-inputs.js";
import { bytesToLimbs } from "../src/stark/field.js";
import { Kernels, kernelsUrl } from "../src/stark/kernels.js";
import { policyHashHex } from "../src/stark/policy.js";
import { proveBatch, proveCompliance } from "../src/stark/prove.js";
import type { Statement } from "../src/stark/statement.js";
import { batchElements } from "../src/stark/v2/batch-statement.js";
import { type BatchHeader, type BatchWitness, batchWitness } from "../src/stark/v2/batch-witness.js";
import type { ProofProfile } from "../src/stark/v2/options.js";
import { verify } from "../src/stark/verify.js";
import { commitAmount, commitmentToHex } from "../src/stark/witness-commitment.js";
import { buildFacts, machineFacts } from "./machine.js";
import { median, percentile, spread } from "./statistics.js";

const ROUNDS = 9;
const HASHES = 20_000;
const AMOUNT = 5000n;
const BATCH_EVENTS = 8;
const ID = "123e4567-e89b-12d3-a456-426614174000";

interface Task {
  readonly name: string;
  readonly runsPerRound: number;
  /** Bound on the p50, from the issue of proofs. */
  readonly msMax: number;
  run(): void;
}

function main(): void {
  const kernels = new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)), 256 * 1024 * 1024);
  const { cpu, cores, node } = machineFacts(".");
  const { commit, isModified } = buildFacts();
  console.log(`${commit}${isModified ? "+" : ""} on ${cpu}, ${cores} cores, Node ${node}; one thread`);
  const tasks = [...complianceTasks(kernels), ...batchTasks(kernels)];
  for (const task of tasks) task.run();
  const hashNs: number[] = [];
  const p50Ms = tasks.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    hashNs.push(bareHashNs(kernels));
    for (const [index, task] of tasks.entries()) p50Ms[index]!.push(p50Of(task));
  }
  const { median: hash, min, max } = spread(hashNs);
  console.log(`BLAKE3, one compression after the other: ${hash.toFixed(0)} ns (${min.toFixed(0)}-${max.toFixed(0)})`);
  for (const [index, { name, msMax, runsPerRound }] of tasks.entries()) {
    const rounds = p50Ms[index]!;
    const ms = median(rounds);
    const hashes = median(rounds.map((value, round) => (value * 1e6) / hashNs[round]!));
    console.log(
      `${ms <= msMax ? "PASS" : "FAIL"} ${name.padEnd(24)} p50 ${ms.toFixed(3)} ms (bound ${msMax}), ` +
        `${Math.round(hashes)} compressions' time, ${ROUNDS} rounds of ${runsPerRound}`,
    );
  }
}

function complianceTasks(kernels: Kernels): Task[] {
  const witness = commitmentToHex(commitAmount(kernels, AMOUNT));
  const policy = { policyId: "order_total.cap", policyParams: { cap: 10_000n } };
  const zeroHash = "0".repeat(64);
  const inputs = parseComplianceInputs({
    ...{ eventId: ID, tenantId: ID, storeId: ID, sequenceNumber: 1n, payloadKind: 1n },
    ...{ payloadPlainHash: zeroHash, payloadCipherHash: zeroHash, eventSigningHash: zeroHash },
    ...{ ...policy, policyHash: policyHashHex(policy.policyId, policy.policyParams) },
  });
  const statement = complianceStatement(inputs, witness);
  const prove = (profile: ProofProfile): Uint8Array => proveCompliance(kernels, AMOUNT, statement, profile).proof;
  return [
    verifyTask(kernels, "verify default", 2, prove("default"), statement, "default"),
    verifyTask(kernels, "verify secure", 4, prove("secure"), statement, "secure"),
    { name: "prove default", runsPerRound: 5, msMax: 40, run: () => prove("default") },
    { name: "prove secure", runsPerRound: 3, msMax: 1000, run: () => prove("secure") },
  ];
}

function batchTasks(kernels: Kernels): Task[] {
  const witness = fixedBatch(kernels);
  const statement = { proofVersion: 2, kind: "batch", publicElements: batchElements(witness.inputs) } as const;
  return (["default", "secure"] as const).map((profile) =>
    verifyTask(
      kernels,
      `verify batch of ${BATCH_EVENTS} ${profile}`,
      12,
      proveBatch(kernels, witness, profile),
      statement,
      profile,
    ),
  );
}

function fixedBatch(kernels: Kernels): BatchWitness {
  const id = bytesToLimbs(uuidToBytes(ID as Parameters<typeof uuidToBytes>[0]));
  const header: BatchHeader = {
    previousRoot: [0n, 0n, 0n, 0n],
    batchId: id,
    tenantId: id,
    storeId: id,
    sequenceStart: 1n,
    timestamp: 1_800_000_000n,
    policyId: "order_total.cap",
    policyLimit: 10_000n,
  };
  const events = Array.from({ length: BATCH_EVENTS }, (_, index) => ({
    eventId: [BigInt(index), 0n, 0n, 0n],
    amount: 1000n + BigInt(index),
    inputHash: new Array<bigint>(8).fill(BigInt(index)),
  }));
  return batchWitness(kernels, header, events);
}

function verifyTask(
  kernels: Kernels,
  name: string,
  msMax: number,
  proof: Uint8Array,
  statement: Statement,
  profile: ProofProfile,
): Task {
  const acceptance = { profiles: [profile] };
  const run = (): void => {
    const verdict = verify(kernels, proof, statement, acceptance);
    if (!verdict.valid) throw new Error(`${name}: ${verdict.code}`);
  };
  return { name, runsPerRound: 100, msMax, run };
}

function p50Of({ runsPerRound, run }: Task): number {
  const samples = new Float64Array(runsPerRound);
  for (let i = 0; i < runsPerRound; i++) {
    const startedMs = performance.now();
    run();
    samples[i] = performance.now() - startedMs;
  }
  return percentile(samples, 0.5);
}

function bareHashNs(kernels: Kernels): number {
  const mark = kernels.mark();
  const block = kernels.alloc(96);
  const startedMs = performance.now();
  for (let i = 0; i < HASHES; i++) kernels.call.hash(block + 64, block, 64);
  const ns = ((performance.now() - startedMs) * 1e6) / HASHES;
  kernels.release(mark);
  return ns;
}

main();
