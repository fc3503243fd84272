/** `ves-stark` commands on single compliance proofs: gen-inputs, prove, verify, inspect. */
import type { Command } from "commander";
import { encodeBase64 } from "../base/base64.js";
import { type AmountBinding, bindInputs, makeAmountBinding, parseAmountBinding } from "../stark/amount-binding.js";
import { complianceBundleJson, proofMetadata } from "../stark/compliance-bundle.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import {
  type ComplianceInputs,
  complianceInputsJson,
  complianceStatement,
  parseComplianceInputs,
} from "../stark/compliance-inputs.js";
import { complianceProofHash } from "../stark/digest.js";
import type { ExactJsonObject } from "../stark/exact-json.js";
import type { Policy } from "../stark/policy.js";
import { parseObject, readProofArtefact } from "../stark/proof-artefact.js";
import { proveCompliance } from "../stark/prove.js";
import { conjecturedSecurityBits, type ProofProfile } from "../stark/v2/options.js";
import { parseProof } from "../stark/v2/proof-parser.js";
import { verifyCompliance } from "../stark/verify-compliance.js";
import { UsageError } from "./usage-error.js";
import {
  acceptanceOf,
  addAcceptDefault,
  addJson,
  addPolicy,
  addProfile,
  addProofFile,
  DEFAULT_POLICY,
  type JsonFlag,
  type PolicyFlags,
  parseAmount,
  policyOfFlags,
} from "./ves-stark-flags.js";
import { inputsOfFile, randomInputs, requirePolicy } from "./ves-stark-inputs.js";
import {
  answer,
  EXIT,
  loadKernels,
  PROVER_VERSION,
  pretty,
  readInput,
  readText,
  warn,
  writeOutput,
} from "./ves-stark-io.js";

function genInputs(flags: PolicyFlags & JsonFlag & { output?: string }): void {
  const json = complianceInputsJson(randomInputs(policyOfFlags(flags)));
  if (flags.output === undefined) process.stdout.write(pretty(json));
  else {
    writeOutput(flags.output, pretty(json));
    answer(flags.json === true, { output: flags.output }, [`Inputs written to ${flags.output}`]);
  }
}

interface ProveFlags extends PolicyFlags, JsonFlag {
  readonly amount: bigint;
  readonly inputs?: string;
  readonly output?: string;
  readonly profile: ProofProfile;
}

function prove(flags: ProveFlags): void {
  const policy = policyOfFlags(flags);
  const kernels = loadKernels();
  const unbound = flags.inputs === undefined ? randomInputs(policy) : inputsOfFile(flags.inputs, policy);
  if (flags.inputs === undefined) {
    const lost = flags.json === true ? "" : ", and without --json nothing says which: it cannot be verified";
    warn(`no --inputs: the proof is about a random event${lost}`);
  }
  const amountBinding = makeAmountBinding(unbound, flags.amount);
  const inputs = bindInputs(kernels, unbound, amountBinding);
  const start = performance.now();
  const { proof } = proveCompliance(kernels, flags.amount, complianceStatement(inputs, null), flags.profile);
  const elapsedMs = performance.now() - start;
  const metadata = proofMetadata(proof, elapsedMs, PROVER_VERSION);
  const bundle = complianceBundleJson({ proof, inputs, amountBinding }, metadata);
  const content = flags.json === true ? pretty(bundle) : encodeBase64(proof);
  if (flags.output === undefined) process.stdout.write(flags.json === true ? content : `${content}\n`);
  else {
    writeOutput(flags.output, content);
    const text = `Proof written to ${flags.output} (${proof.length} bytes, ${elapsedMs.toFixed(1)} ms)`;
    answer(flags.json === true, { output: flags.output, proofHash: complianceProofHash(proof), metadata }, [text]);
  }
  warn("whoever holds these proof bytes can compute the amount");
}

interface VerifyFlags extends Partial<PolicyFlags>, JsonFlag {
  readonly proof: string;
  readonly inputs?: string;
  readonly witnessCommitmentHex?: string;
  readonly amountBinding?: string;
  readonly acceptDefault?: boolean;
}

function verifyCommand(flags: VerifyFlags): void {
  const kernels = loadKernels();
  const artefact = readProofArtefact(kernels, readInput(flags.proof));
  const inputs =
    flags.inputs === undefined ? artefact.inputs : parseComplianceInputs(parseObject(readText(flags.inputs)));
  if (inputs === null) throw new UsageError("--inputs is needed: this proof file does not carry its inputs");
  if (flags.inputs === undefined) warn("inputs are the artefact's own claims, not a trusted record");
  const policy = policyOfVerify(flags, inputs);
  const amountBinding = bindingOfVerify(flags, artefact.amountBinding);
  const witnessCommitment =
    flags.witnessCommitmentHex ?? (inputs.witnessCommitment === null ? artefact.witnessCommitment : null);
  const acceptance = acceptanceOf(flags.acceptDefault);
  const start = performance.now();
  const check = { proof: artefact.proof, inputs, policy, witnessCommitment, amountBinding, acceptance };
  const verdict = verifyCompliance(kernels, check);
  const elapsedMs = performance.now() - start;
  const json: ExactJsonObject = { ...verdict, elapsedMs, proofHash: complianceProofHash(artefact.proof) };
  const text = verdict.valid
    ? `Proof VALID (verified in ${elapsedMs.toFixed(3)}ms; ${verdict.profile}, ${verdict.securityBits} bits, ${verdict.amountLink})`
    : `Proof INVALID (${verdict.code}: ${verdict.detail}; checked in ${elapsedMs.toFixed(3)}ms)`;
  answer(flags.json === true, json, [text]);
  process.exitCode = verdict.valid ? EXIT.done : EXIT.invalidProof;
}

/** The caller's binding, else the artefact's, which whoever made the proof can have made of any amount. */
function bindingOfVerify(flags: VerifyFlags, own: AmountBinding | null): AmountBinding | null {
  if (flags.amountBinding !== undefined) return parseAmountBinding(parseObject(readText(flags.amountBinding)));
  if (own !== null)
    warn(`that the payload's amount is ${own.amount} is the artefact's own claim: look into the payload`);
  return own;
}

/** The caller's policy when --limit is given, checked exactly; null leaves the inputs' own. */
function policyOfVerify(flags: VerifyFlags, inputs: ComplianceInputs): Policy | null {
  const { limit, intentHash } = flags;
  if (limit === undefined) {
    // Half a policy would be no check at all, and look like one.
    if (flags.policy !== undefined || intentHash !== undefined) {
      throw new UsageError("--policy and --intent-hash need --limit");
    }
    warn("no --limit: the policy is the inputs' own");
    return null;
  }
  const asked = { limit, policy: flags.policy ?? DEFAULT_POLICY };
  const policy = policyOfFlags(intentHash === undefined ? asked : { ...asked, intentHash });
  requirePolicy(inputs, policy);
  return policy;
}

function inspect(flags: JsonFlag & { proof: string }): void {
  const { proof, witnessCommitment } = readProofArtefact(loadKernels(), readInput(flags.proof));
  const layout = parseProof(proof);
  if ("code" in layout) throw new ComplianceInputError(`${layout.code}: ${layout.detail}`);
  const { shape, options, profile } = layout;
  const json: ExactJsonObject = {
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

export function addComplianceCommands(program: Command): void {
  addJson(addPolicy(program.command("gen-inputs")))
    .description("public inputs of a made-up event: random ids, sequence 1, kind 1, zero hashes")
    .option("-o, --output <file>", "file to write instead of standard output")
    .action(genInputs);
  const bundle = "the proof with its inputs and commitment, as verify takes it; without it the bare proof";
  addJson(addProfile(addPolicy(program.command("prove")), "55"), bundle)
    .description("prove that an amount complies; the proof does not hide the amount")
    .requiredOption("-a, --amount <integer>", "the amount", parseAmount)
    .option("-i, --inputs <file>", "public inputs of the event; random when absent")
    .option("-o, --output <file>", "file to write instead of standard output")
    .action(prove);
  const verify = addProofFile(program.command("verify"), "bundle, proof JSON, base64 or raw bytes");
  addJson(addAcceptDefault(addPolicy(verify, "optional"), "55"))
    .description("verify a proof; prints VALID or INVALID and the time taken")
    .option("-i, --inputs <file>", "public inputs from a trusted record")
    .option("--witness-commitment-hex <hex>", "expected commitment")
    .option("--amount-binding <file>", "amount binding that ties the amount to the payload")
    .action(verifyCommand);
  addJson(addProofFile(program.command("inspect"), "proof in any form"))
    .description("describe a proof without verifying it")
    .action(inspect);
}
