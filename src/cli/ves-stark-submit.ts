/** `ves-stark prove-submit`: asks a sequencer what an event's proof must be about, proves it, and registers the proof. */
import { type Command, Option } from "commander";
import { SequencerClient } from "../client/sequencer-client.js";
import { bindInputs, makeAmountBinding } from "../stark/amount-binding.js";
import { complianceBundleJson, proofMetadata } from "../stark/compliance-bundle.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { type ComplianceInputs, complianceStatement, parseComplianceInputs } from "../stark/compliance-inputs.js";
import type { ExactJsonObject } from "../stark/exact-json.js";
import { policyParams } from "../stark/policy.js";
import { proveCompliance } from "../stark/prove.js";
import type { ProofProfile } from "../stark/v2/options.js";
import { commitmentToHex } from "../stark/witness-commitment.js";
import { UsageError } from "./usage-error.js";
import {
  addJson,
  addPolicy,
  addProfile,
  type JsonFlag,
  type PolicyFlags,
  parseAmount,
  policyOfFlags,
} from "./ves-stark-flags.js";
import { requirePolicy } from "./ves-stark-inputs.js";
import { answer, EXIT, loadKernels, PROVER_VERSION, pretty, Steps, warn, writeOutput } from "./ves-stark-io.js";

interface SubmitFlags extends PolicyFlags, JsonFlag {
  readonly sequencerUrl: string;
  readonly apiKey: string;
  readonly eventId: string;
  readonly amount: bigint;
  readonly profile: ProofProfile;
  readonly output?: string;
  readonly check?: boolean;
}

async function proveSubmit(flags: SubmitFlags): Promise<void> {
  const policy = policyOfFlags(flags);
  const { proofs } = clientOf(flags);
  using steps = new Steps(flags.check === true ? 4 : 3);
  steps.begin("fetching public inputs");
  const given = { policyId: policy.policyId, policyParams: policyParams(policy) };
  const { publicInputs } = await proofs.complianceInputs(flags.eventId, given);
  const inputs = parseComplianceInputs(publicInputs);
  requirePolicy(inputs, policy);
  requireEvent(inputs, flags.eventId);
  steps.begin("proving");
  const { proof, witnessCommitment, provingTimeMs } = proveAmount(inputs, flags);
  steps.begin("submitting");
  const submission = { eventId: flags.eventId, ...given, proof, witnessCommitment, publicInputs };
  const stored = await proofs.submitCompliance(submission);
  if (flags.check === true) steps.begin("having it checked");
  const check = flags.check === true ? await proofs.check("compliance", stored.proofId) : null;
  const json: ExactJsonObject = {
    proofId: stored.proofId,
    eventId: stored.subjectId,
    proofHash: stored.proofHash,
    proofBytes: BigInt(proof.length),
    provingTimeMs,
    securityBits: stored.securityBits,
    statement: stored.statement,
    valid: check === null ? null : check.valid,
    reason: check === null ? null : check.reason,
  };
  steps[Symbol.dispose]();
  answer(flags.json === true, json, lines(json));
  warn("whoever may read this proof can compute the amount");
  if (check !== null && !check.valid) process.exitCode = EXIT.invalidProof;
}

/** Proves, and writes the bundle where one is asked for: before anything is submitted, so that it is never lost. */
function proveAmount(inputs: ComplianceInputs, { amount, profile, output }: SubmitFlags) {
  const kernels = loadKernels();
  const start = performance.now();
  const amountBinding = makeAmountBinding(inputs, amount);
  const bound = bindInputs(kernels, inputs, amountBinding);
  const { proof, statement } = proveCompliance(kernels, amount, complianceStatement(bound, null), profile);
  const provingTimeMs = performance.now() - start;
  if (output !== undefined) {
    const metadata = proofMetadata(proof, provingTimeMs, PROVER_VERSION);
    writeOutput(output, pretty(complianceBundleJson({ proof, inputs: bound, amountBinding }, metadata)));
  }
  return { proof, witnessCommitment: commitmentToHex(statement.witnessCommitment), provingTimeMs };
}

function lines({ proofId, eventId, proofBytes, securityBits, valid, reason }: ExactJsonObject): string[] {
  const strength = securityBits === null ? "not verified by the service yet" : `verified, ${securityBits} bits`;
  const checked =
    valid === null ? [] : [valid === true ? "Checked again: VALID" : `Checked again: INVALID (${reason})`];
  return [`Proof ${proofId} of event ${eventId} registered (${proofBytes} bytes, ${strength})`, ...checked];
}

function clientOf({ sequencerUrl: url, apiKey }: SubmitFlags): SequencerClient {
  try {
    return new SequencerClient({ url, apiKey, retry: RETRY });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "--sequencer-url or the API key cannot be used");
  }
}

/** Someone waits at a terminal: a service that is away is reported within seconds. */
const RETRY = { attemptsMax: 4, totalMsMax: 10_000 };

/** A proof is about the event that was asked for, whatever the service answers. */
function requireEvent(inputs: ComplianceInputs, eventId: string): void {
  if (inputs.eventId !== eventId.toLowerCase())
    throw new ComplianceInputError("the service's inputs are of another event");
}

export function addSubmitCommand(program: Command): void {
  const url = new Option("-u, --sequencer-url <url>", "the sequencer").env("STATESET_SEQUENCER_URL");
  const key = new Option("--api-key <key>", "better in the environment: everybody here can see a command's arguments");
  addJson(addProfile(addPolicy(program.command("prove-submit")), "55"))
    .description("prove that an event's amount complies and register the proof with a sequencer")
    .addOption(url.makeOptionMandatory())
    .addOption(key.env("STATESET_API_KEY").makeOptionMandatory())
    .requiredOption("-e, --event-id <uuid>", "the event")
    .requiredOption("-a, --amount <integer>", "the amount", parseAmount)
    .option("-o, --output <file>", "also write the bundle, with the amount in clear")
    .option("--check", "have the service verify the stored proof once more")
    .action(proveSubmit);
}
