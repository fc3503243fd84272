/** `ves-stark` commands on single compliance proofs: gen-inputs, prove, verify, inspect, benchmark. */
import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { parseUuid, type Uuid } from "../base/ids.js";
import { bindInputs, makeAmountBinding, parseAmountBinding } from "../stark/amount-binding.js";
import { toBase64 } from "../stark/base64.js";
import { canonicalJson, type JsonObject } from "../stark/canonical-json.js";
import { complianceBundleJson, proofMetadata } from "../stark/compliance-bundle.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import {
  type ComplianceInputs,
  complianceInputsJson,
  complianceStatement,
  parseComplianceInputs,
} from "../stark/compliance-inputs.js";
import { complianceProofHash } from "../stark/digest.js";
import type { Kernels } from "../stark/kernels.js";
import { effectiveLimit, isPolicyId, type Policy, parsePolicy, policyHashHex, policyParams } from "../stark/policy.js";
import { parseObject, readProofArtefact } from "../stark/proof-artefact.js";
import { proveCompliance } from "../stark/prove.js";
import { conjecturedSecurityBits, type ProofProfile } from "../stark/v2/options.js";
import { parseProof } from "../stark/v2/proof-parser.js";
import { type Acceptance, verify } from "../stark/verify.js";
import { verifyCompliance } from "../stark/verify-compliance.js";
import {
  answer,
  EXIT,
  loadKernels,
  parseAmount,
  parseCount,
  pretty,
  readInput,
  readText,
  UsageError,
  warn,
  withProgress,
  writeOutput,
} from "./ves-stark-io.js";

export const PROVER_VERSION = "stateset-sequencer/2";

interface PolicyFlags {
  readonly limit: bigint;
  readonly policy: string;
  readonly intentHash?: string;
}

export function policyOfFlags(flags: PolicyFlags): Policy {
  if (!isPolicyId(flags.policy) || flags.policy === "agent.budget.v1") {
    throw new UsageError("--policy must be aml.threshold, order_total.cap or agent.authorization.v1");
  }
  const { intentHash } = flags;
  const params = policyParams({ policyId: flags.policy, limit: flags.limit, intentHash: intentHash ?? null });
  return parsePolicy(flags.policy, params);
}

export function profileOfFlag(text: string): ProofProfile {
  if (text !== "secure" && text !== "default") throw new UsageError("--profile must be secure or default");
  return text;
}

/** Inputs of an event that exists nowhere: random ids, sequence 1, kind 1, zero hashes (section 7.2). */
export function randomInputs(policy: Policy): ComplianceInputs {
  const zeroHash = "0".repeat(64);
  const newId = (): Uuid => parseUuid(randomUUID())!;
  const params = policyParams(policy);
  return {
    eventId: newId(),
    tenantId: newId(),
    storeId: newId(),
    sequenceNumber: 1n,
    payloadKind: 1n,
    payloadPlainHash: zeroHash,
    payloadCipherHash: zeroHash,
    eventSigningHash: zeroHash,
    policyId: policy.policyId,
    policyParams: params,
    policyHash: policyHashHex(policy.policyId, params),
    witnessCommitment: null,
    authorizationReceiptHash: null,
    amountBindingHash: null,
  };
}

/** Inputs from a file; their policy must be the flags', parameters compared exactly. */
function inputsOfFile(path: string, policy: Policy): ComplianceInputs {
  const inputs = parseComplianceInputs(parseObject(readText(path)));
  requireFlags(inputs, policy);
  return inputs;
}

function requireFlags(inputs: ComplianceInputs, policy: Policy): void {
  const params = policyParams(policy);
  const isSame = inputs.policyId === policy.policyId && canonicalJson(inputs.policyParams) === canonicalJson(params);
  if (!isSame || inputs.policyHash !== policyHashHex(policy.policyId, params)) {
    throw new ComplianceInputError("the inputs' policy, parameters or hash differ from the flags");
  }
}

function genInputs(flags: PolicyFlags & { output?: string; json?: boolean }): void {
  const json = complianceInputsJson(randomInputs(policyOfFlags(flags)));
  if (flags.output === undefined) process.stdout.write(pretty(json));
  else {
    writeOutput(flags.output, pretty(json));
    answer(flags.json === true, { output: flags.output }, [`Inputs written to ${flags.output}`]);
  }
}

interface ProveFlags extends PolicyFlags {
  readonly amount: bigint;
  readonly inputs?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly profile: ProofProfile;
}

function prove(flags: ProveFlags): void {
  const policy = policyOfFlags(flags);
  const kernels = loadKernels();
  const unbound = flags.inputs === undefined ? randomInputs(policy) : inputsOfFile(flags.inputs, policy);
  if (flags.inputs === undefined) warn("no --inputs: the proof is about a random event");
  const amountBinding = makeAmountBinding(unbound, flags.amount);
  const inputs = bindInputs(kernels, unbound, amountBinding);
  const start = performance.now();
  const { proof } = proveCompliance(kernels, flags.amount, complianceStatement(inputs, null), flags.profile);
  const elapsedMs = performance.now() - start;
  const metadata = proofMetadata(proof, elapsedMs, PROVER_VERSION);
  const bundle = complianceBundleJson({ proof, inputs, amountBinding }, metadata);
  const content = flags.json === true ? pretty(bundle) : toBase64(proof);
  if (flags.output === undefined) process.stdout.write(flags.json === true ? content : `${content}\n`);
  else {
    writeOutput(flags.output, content);
    const text = `Proof written to ${flags.output} (${proof.length} bytes, ${elapsedMs.toFixed(1)} ms)`;
    answer(flags.json === true, { output: flags.output, proofHash: complianceProofHash(proof), metadata }, [text]);
  }
  warn("whoever holds these proof bytes can compute the amount");
}

interface VerifyFlags extends Partial<PolicyFlags> {
  readonly proof: string;
  readonly inputs?: string;
  readonly witnessCommitmentHex?: string;
  readonly amountBinding?: string;
  readonly acceptDefault?: boolean;
  readonly json?: boolean;
}

function verifyCommand(flags: VerifyFlags): void {
  const kernels = loadKernels();
  const artefact = readProofArtefact(kernels, readInput(flags.proof));
  const inputs =
    flags.inputs === undefined ? artefact.inputs : parseComplianceInputs(parseObject(readText(flags.inputs)));
  if (inputs === null) throw new UsageError("--inputs is needed: this proof file does not carry its inputs");
  if (flags.inputs === undefined) warn("inputs are the artefact's own claims, not a trusted record");
  const policy = policyOfVerify(flags, inputs);
  const amountBinding =
    flags.amountBinding === undefined
      ? artefact.amountBinding
      : parseAmountBinding(parseObject(readText(flags.amountBinding)));
  const witnessCommitment =
    flags.witnessCommitmentHex ?? (inputs.witnessCommitment === null ? artefact.witnessCommitment : null);
  const acceptance = acceptanceOf(flags.acceptDefault);
  const start = performance.now();
  const check = { proof: artefact.proof, inputs, policy, witnessCommitment, amountBinding, acceptance };
  const verdict = verifyCompliance(kernels, check);
  const elapsedMs = performance.now() - start;
  const json: JsonObject = { ...verdict, elapsedMs, proofHash: complianceProofHash(artefact.proof) };
  const text = verdict.valid
    ? `Proof VALID (verified in ${elapsedMs.toFixed(3)}ms; ${verdict.profile}, ${verdict.securityBits} bits, ${verdict.amountLink})`
    : `Proof INVALID (${verdict.code}: ${verdict.detail}; checked in ${elapsedMs.toFixed(3)}ms)`;
  answer(flags.json === true, json, [text]);
  process.exitCode = verdict.valid ? EXIT.done : EXIT.invalidProof;
}

/** The caller's policy when --limit is given, checked exactly; null leaves the inputs' own. */
function policyOfVerify(flags: VerifyFlags, inputs: ComplianceInputs): Policy | null {
  if (flags.limit === undefined) {
    warn("no --limit: the policy is the inputs' own");
    return null;
  }
  const { limit, intentHash } = flags;
  const asked = { limit, policy: flags.policy ?? "aml.threshold" };
  const policy = policyOfFlags(intentHash === undefined ? asked : { ...asked, intentHash });
  requireFlags(inputs, policy);
  return policy;
}

export function acceptanceOf(isDefaultAccepted: boolean | undefined): Acceptance {
  return { profiles: isDefaultAccepted === true ? ["secure", "default"] : ["secure"] };
}

function inspect(flags: { proof: string; json?: boolean }): void {
  const { proof, witnessCommitment } = readProofArtefact(loadKernels(), readInput(flags.proof));
  const layout = parseProof(proof);
  if ("code" in layout) throw new ComplianceInputError(`${layout.code}: ${layout.detail}`);
  const { shape, options, profile } = layout;
  const json: JsonObject = {
    proofHash: complianceProofHash(proof),
    proofBytes: BigInt(proof.length),
    proofVersion: 2n,
    statement: shape.kind,
    profile,
    securityBits: BigInt(conjecturedSecurityBits(options, shape.logTraceLength)),
    traceWidth: BigInt(shape.width),
    traceLength: BigInt(2 ** shape.logTraceLength),
    queries: BigInt(options.queries),
    distinctQueries: BigInt(layout.uniqueQueries),
    grindingBits: BigInt(options.grindingBits),
    extensionDegree: BigInt(options.extensionDegree),
    friLayers: BigInt(layout.friLayers.length),
    nonce: layout.nonce,
    witnessCommitment,
    hidesAmount: false,
  };
  answer(
    flags.json === true,
    json,
    Object.entries(json).map(([name, value]) => `${name}: ${value}`),
  );
}

interface BenchmarkFlags {
  readonly iterations: number;
  readonly maxAmount: bigint;
  readonly limit: bigint;
  readonly profile: ProofProfile;
  readonly json?: boolean;
}

/** Times proving and verifying beside a bare BLAKE3 loop, the measure of this machine. */
function benchmark(flags: BenchmarkFlags): void {
  const kernels = loadKernels();
  const policy = parsePolicy("order_total.cap", { cap: flags.limit });
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
  const json: JsonObject = {
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

const POLICY_HELP = "aml.threshold (amount < limit), order_total.cap (amount <= limit) or agent.authorization.v1";
const COUNT_MAX = 100_000;

export function addComplianceCommands(program: Command): void {
  const policyFlags = (command: Command): Command =>
    command
      .requiredOption("-l, --limit <integer>", "threshold, cap or maximum total", parseAmount)
      .option("-p, --policy <id>", POLICY_HELP, "aml.threshold")
      .option("--intent-hash <hex>", "intent hash, for agent.authorization.v1")
      .option("--json", "machine-readable output");
  policyFlags(program.command("gen-inputs"))
    .description("public inputs of a made-up event: random ids, sequence 1, kind 1, zero hashes")
    .option("-o, --output <file>", "file to write instead of standard output")
    .action(genInputs);
  policyFlags(program.command("prove"))
    .description("prove that an amount complies; the proof does not hide the amount")
    .requiredOption("-a, --amount <integer>", "the amount", parseAmount)
    .option("-i, --inputs <file>", "public inputs of the event; random when absent")
    .option("-o, --output <file>", "file to write instead of standard output")
    .option("--profile <name>", "secure or default (about 55 bits)", profileOfFlag, "secure")
    .action(prove);
  program
    .command("verify")
    .description("verify a proof; prints VALID or INVALID and the time taken")
    .requiredOption("-f, --proof <file>", "bundle, proof JSON, base64 or raw bytes; - for standard input")
    .option("-i, --inputs <file>", "public inputs from a trusted record")
    .option("--witness-commitment-hex <hex>", "expected commitment")
    .option("--amount-binding <file>", "amount binding that ties the amount to the payload")
    .option("-l, --limit <integer>", "limit the proof must be about", parseAmount)
    .option("-p, --policy <id>", POLICY_HELP, "aml.threshold")
    .option("--intent-hash <hex>", "intent hash, for agent.authorization.v1")
    .option("--accept-default", "also accept the default profile (about 55 bits)")
    .option("--json", "machine-readable output")
    .action(verifyCommand);
  program
    .command("inspect")
    .description("describe a proof without verifying it")
    .requiredOption("-f, --proof <file>", "proof in any form; - for standard input")
    .option("--json", "machine-readable output")
    .action(inspect);
  program
    .command("benchmark")
    .description("time proving and verifying on this machine")
    .option("-n, --iterations <count>", "proofs to make", parseCount(COUNT_MAX), 10)
    .addOption(amountOption("-m, --max-amount <integer>", "largest amount"))
    .addOption(amountOption("-l, --limit <integer>", "cap"))
    .option("--profile <name>", "secure or default", profileOfFlag, "secure")
    .option("--json", "machine-readable output")
    .action(benchmark);
}

/** An amount of 10000 unless given. The help shows the text: commander cannot print a bigint. */
function amountOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseAmount).default(10_000n, "10000");
}
