/**
 * `ves-stark` commands on batches: batch-prove, batch-verify, sequencer. Behind VES_STARK_EXPERIMENTAL_BATCH=1, because a
 * batch proof is no evidence against a malicious prover (finding F4).
 */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { fromHex } from "../base/bytes.js";
import { systemClock } from "../base/clock.js";
import { parseUuid, uuidToBytes } from "../base/ids.js";
import { bindInputs, makeAmountBinding } from "../stark/amount-binding.js";
import {
  type BatchFile,
  batchFileBytes,
  batchFileJson,
  batchInputsOf,
  batchStatementOf,
  chainFault,
  readBatchFile,
} from "../stark/batch-file.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { boundInputsHash, type ComplianceInputs, parseComplianceInputs } from "../stark/compliance-inputs.js";
import { batchProofHash } from "../stark/digest.js";
import { type ExactJsonObject, isExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import { bytesToLimbs } from "../stark/field.js";
import { integerField, objectField } from "../stark/json-fields.js";
import type { Kernels } from "../stark/kernels.js";
import { type Policy, SAFE_INTEGER_MAX } from "../stark/policy.js";
import { proveBatch } from "../stark/prove.js";
import { BATCH_EVENTS_MAX, batchPlan } from "../stark/v2/batch-statement.js";
import { type BatchEvent, batchWitness } from "../stark/v2/batch-witness.js";
import type { ProofProfile } from "../stark/v2/options.js";
import { type Acceptance, verify } from "../stark/verify.js";
import { UsageError } from "./usage-error.js";
import {
  acceptanceOf,
  addAcceptDefault,
  addAmountPolicy,
  addJson,
  addProfile,
  addProofFile,
  type JsonFlag,
  parseCount,
  policyOfFlags,
} from "./ves-stark-flags.js";
import { randomInputs } from "./ves-stark-inputs.js";
import {
  answer,
  EXIT,
  loadKernels,
  PROVER_VERSION,
  pretty,
  readInput,
  readText,
  warn,
  withProgress,
  writeOutput,
} from "./ves-stark-io.js";

const SWITCH = "VES_STARK_EXPERIMENTAL_BATCH";

interface BatchFlags extends SwitchFlag, JsonFlag {
  readonly count: number;
  readonly limit: bigint;
  readonly policy: string;
  readonly profile: ProofProfile;
}

interface SwitchFlag {
  readonly experimentalBatch?: string;
}

function requireSwitch(flags: SwitchFlag): void {
  if (flags.experimentalBatch !== "1") throw new UsageError(`batch proofs are experimental: set ${SWITCH}=1`);
}

function batchPolicy(flags: BatchFlags): Policy {
  requireSwitch(flags);
  const policy = policyOfFlags(flags);
  if (policy.policyId === "agent.authorization.v1") throw new UsageError("agent policies have no batch proofs");
  return policy;
}

/** Where the next batch of a stream starts. */
interface StreamState {
  readonly previousRoot: readonly bigint[];
  readonly sequenceStart: bigint;
  readonly tenantId: readonly bigint[];
  readonly storeId: readonly bigint[];
}

interface AmountEvent {
  readonly inputs: ComplianceInputs;
  readonly amount: bigint;
}

function batchEvent(kernels: Kernels, { inputs, amount }: AmountEvent): BatchEvent {
  const bound = bindInputs(kernels, inputs, makeAmountBinding(inputs, amount));
  return {
    eventId: bytesToLimbs(uuidToBytes(inputs.eventId)),
    amount,
    inputHash: bytesToLimbs(fromHex(boundInputsHash(bound), 32)!),
  };
}

function proveFile(
  kernels: Kernels,
  policy: Policy,
  state: StreamState,
  events: readonly AmountEvent[],
  profile: ProofProfile,
): BatchFile {
  const header = {
    ...state,
    batchId: bytesToLimbs(uuidToBytes(parseUuid(randomUUID())!)),
    timestamp: BigInt(Math.floor(systemClock.nowMs() / 1000)),
    policyId: policy.policyId,
    policyLimit: policy.limit,
  };
  const list = events.map((event) => batchEvent(kernels, event));
  const start = performance.now();
  const witness = batchWitness(kernels, header, list);
  const { inputs } = witness;
  const proof = proveBatch(kernels, witness, profile);
  const provingTimeMs = BigInt(Math.round(performance.now() - start));
  const traceLength = BigInt(2 ** batchPlan(inputs.events).logTraceLength);
  return { proof, inputs, provingTimeMs, traceLength, proverVersion: PROVER_VERSION };
}

/** One event in so many, where violations are asked for. */
const VIOLATION_STEP = 8n;

/** `count` events of one made-up stream, numbered from `first`, amounts spread up to the limit, some beyond it if asked. */
function madeUpEvents(
  policy: Policy,
  template: ComplianceInputs,
  first: bigint,
  count: number,
  hasViolations = false,
): AmountEvent[] {
  return Array.from({ length: count }, (_, i) => {
    const sequenceNumber = first + BigInt(i);
    const isViolation = hasViolations && sequenceNumber % VIOLATION_STEP === VIOLATION_STEP - 1n;
    const amount = isViolation ? policy.limit + 1n : (policy.limit * BigInt(i)) / BigInt(count);
    return { inputs: { ...template, eventId: parseUuid(randomUUID())!, sequenceNumber }, amount };
  });
}

function eventsOfFile(path: string): AmountEvent[] {
  const json = parseExactJson(readText(path));
  if (!Array.isArray(json)) throw new ComplianceInputError("the events file must hold a list");
  return json.map((item: unknown) => {
    const event = item as ExactJsonObject;
    if (!isExactJsonObject(event)) throw new ComplianceInputError("an event must be an object");
    const inputs = parseComplianceInputs(objectField(event, "publicInputs"));
    return { inputs, amount: integerField(event, "amount", SAFE_INTEGER_MAX) };
  });
}

function stateOf(template: ComplianceInputs, sequenceStart: bigint): StreamState {
  return {
    previousRoot: [0n, 0n, 0n, 0n],
    sequenceStart,
    tenantId: bytesToLimbs(uuidToBytes(template.tenantId)),
    storeId: bytesToLimbs(uuidToBytes(template.storeId)),
  };
}

function summary(file: BatchFile): ExactJsonObject {
  return {
    proofHash: batchProofHash(file.proof),
    proofBytes: BigInt(file.proof.length),
    events: BigInt(file.inputs.events),
    allCompliant: file.inputs.isAllCompliant,
    provingTimeMs: file.provingTimeMs,
  };
}

/** Sequence numbers are 0 to n-1 and the batch id is new, as the original's (section 7.2). */
function batchProve(flags: BatchFlags & { events?: string; output?: string }): void {
  const policy = batchPolicy(flags);
  const kernels = loadKernels();
  const events =
    flags.events === undefined
      ? madeUpEvents(policy, randomInputs(policy), 0n, flags.count)
      : eventsOfFile(flags.events);
  const [first] = events;
  if (first === undefined || events.length > BATCH_EVENTS_MAX) {
    throw new ComplianceInputError(`a batch has 1 to ${BATCH_EVENTS_MAX} events`);
  }
  const file = proveFile(kernels, policy, stateOf(first.inputs, 0n), events, flags.profile);
  if (flags.output !== undefined) {
    const isBinary = flags.output.endsWith(".bin");
    writeOutput(flags.output, isBinary ? batchFileBytes(file) : pretty(batchFileJson(file)));
  }
  const json = summary(file);
  answer(flags.json === true, json, [`Batch proof of ${json.events} events (${json.proofBytes} bytes)`]);
  warn("a batch proof is an integrity aid, not evidence: verify each event's own proof");
}

function batchVerify(flags: SwitchFlag & JsonFlag & { proof: string; inputs?: string; acceptDefault?: boolean }): void {
  requireSwitch(flags);
  const kernels = loadKernels();
  const file = readBatchFile(readInput(flags.proof));
  const inputs = flags.inputs === undefined ? file.inputs : batchInputsOf(parseObjectFile(flags.inputs));
  if (flags.inputs === undefined) warn("public inputs are the file's own claims, not a trusted record");
  const start = performance.now();
  const verdict = verify(kernels, file.proof, batchStatementOf(inputs), acceptanceOf(flags.acceptDefault));
  const elapsedMs = performance.now() - start;
  const text = verdict.valid ? `VALID (${verdict.securityBits} bits)` : `INVALID (${verdict.code}: ${verdict.detail})`;
  const json = { ...verdict, elapsedMs, isEvidence: false };
  answer(flags.json === true, json, [`Batch proof ${text} in ${elapsedMs.toFixed(3)}ms`]);
  process.exitCode = verdict.valid ? EXIT.done : EXIT.invalidProof;
}

/** The public inputs alone, or a whole batch file. */
function parseObjectFile(path: string): ExactJsonObject {
  const json = parseExactJson(readText(path));
  if (!isExactJsonObject(json)) throw new ComplianceInputError("the inputs file must hold an object");
  return isExactJsonObject(json.public_inputs) ? json.public_inputs : json;
}

interface SequencerFlags extends BatchFlags {
  readonly batchSize: number;
  readonly outputDir?: string;
  readonly includeViolations?: boolean;
}

/** Simulates a stream: proves batch after batch, each continuing the state root, then verifies the chain. */
function sequencer(flags: SequencerFlags): void {
  const policy = batchPolicy(flags);
  const kernels = loadKernels();
  const template = randomInputs(policy);
  const files: BatchFile[] = [];
  let state = stateOf(template, 0n);
  withProgress("sequencer", Math.ceil(flags.count / flags.batchSize), (i) => {
    const count = Math.min(flags.batchSize, flags.count - i * flags.batchSize);
    const events = madeUpEvents(policy, template, state.sequenceStart, count, flags.includeViolations);
    const file = proveFile(kernels, policy, state, events, flags.profile);
    files.push(file);
    state = { ...state, previousRoot: file.inputs.newRoot, sequenceStart: file.inputs.sequenceEnd + 1n };
  });
  if (flags.outputDir !== undefined) {
    mkdirSync(flags.outputDir, { recursive: true });
    for (const [i, file] of files.entries()) {
      writeOutput(join(flags.outputDir, `batch_${i}.json`), pretty(batchFileJson(file)));
    }
  }
  const fault =
    chainFault(files.map((file) => file.inputs)) ?? proofFault(kernels, files, { profiles: [flags.profile] });
  answer(flags.json === true, { isChainValid: fault === null, fault, batches: files.map(summary) }, [
    `${flags.count} events in ${files.length} batches: chain ${fault === null ? "VALID" : `INVALID (${fault})`}`,
  ]);
  process.exitCode = fault === null ? EXIT.done : EXIT.invalidProof;
}

function proofFault(kernels: Kernels, files: readonly BatchFile[], acceptance: Acceptance): string | null {
  for (const [i, file] of files.entries()) {
    const verdict = verify(kernels, file.proof, batchStatementOf(file.inputs), acceptance);
    if (!verdict.valid) return `batch ${i}: ${verdict.code}`;
  }
  return null;
}

const DEFAULT_BITS = "50";
const SIMULATED_EVENTS_MAX = 10_000;

export function addBatchCommands(program: Command): void {
  const experimental = (): Option => new Option("--experimental-batch <1>", "allow batch proofs").env(SWITCH);
  const shared = (command: Command, max: number): Command =>
    addJson(addProfile(addAmountPolicy(command.addOption(experimental())), DEFAULT_BITS)).option(
      "-n, --count <count>",
      "number of events",
      parseCount(max),
      8,
    );
  shared(program.command("batch-prove"), BATCH_EVENTS_MAX)
    .description("prove a batch of events (experimental)")
    .option("-e, --events <file>", "list of {amount, publicInputs}; made up when absent")
    .option("-o, --output <file>", "file to write; .bin gives the binary form")
    .action(batchProve);
  const verify = addProofFile(program.command("batch-verify").addOption(experimental()), "batch file, JSON or binary");
  addJson(addAcceptDefault(verify, DEFAULT_BITS))
    .description("verify a batch file (experimental)")
    .option("-i, --inputs <file>", "public inputs from a trusted record")
    .action(batchVerify);
  shared(program.command("sequencer"), SIMULATED_EVENTS_MAX)
    .description("simulate a stream of batches and verify its chain (experimental)")
    .option("--batch-size <count>", "events per batch", parseCount(BATCH_EVENTS_MAX), 8)
    .option("--include-violations", "let every eighth amount exceed the limit: its batch is then not all compliant")
    .option("--output-dir <folder>", "folder for the batch files")
    .action(sequencer);
}
