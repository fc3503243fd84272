/** Submissions of real proofs, made by the prover for what the service says of an event or a commitment. */
import { readFileSync } from "node:fs";
import { uuidToBytes } from "../../src/base/ids.js";
import { batchFileJson } from "../../src/stark/batch-file.js";
import { complianceStatement, parseComplianceInputs } from "../../src/stark/compliance-inputs.js";
import { canonicalExactJson, type ExactJsonObject, parseExactJson } from "../../src/stark/exact-json.js";
import { bytesToLimbs } from "../../src/stark/field.js";
import { Kernels, kernelsUrl } from "../../src/stark/kernels.js";
import { proveBatch, proveCompliance } from "../../src/stark/prove.js";
import { batchWitness } from "../../src/stark/v2/batch-witness.js";
import type { ProofProfile } from "../../src/stark/v2/options.js";
import { commitAmount, commitmentToHex } from "../../src/stark/witness-commitment.js";
import type { Answer } from "./service.js";

const kernels = new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)));

export interface ComplianceSubmission {
  readonly proofType: string;
  readonly proofVersion: number;
  readonly policyId: string;
  readonly policyParams: Record<string, unknown>;
  readonly proofB64: string;
  readonly witnessCommitment: string;
  readonly publicInputs: unknown;
}

/** For the answer of an `inputs` route. */
export function complianceSubmission(
  answer: Answer,
  amount: bigint,
  profile: ProofProfile = "secure",
): ComplianceSubmission {
  const { public_inputs: publicInputs } = answer.json;
  const inputs = parseComplianceInputs(parseExactJson(JSON.stringify(publicInputs)) as ExactJsonObject);
  const witnessCommitment = commitmentToHex(commitAmount(kernels, amount));
  const { proof } = proveCompliance(kernels, amount, complianceStatement(inputs, witnessCommitment), profile);
  const proofB64 = Buffer.from(proof).toString("base64");
  const { policyId, policyParams } = publicInputs;
  return { proofType: "stark", proofVersion: 2, policyId, policyParams, proofB64, witnessCommitment, publicInputs };
}

export interface ValiditySubmission {
  readonly proofType: string;
  readonly proofVersion: number;
  readonly proofB64: string;
  readonly publicInputs: Record<string, unknown>;
  readonly batchPublicInputs: Record<string, unknown>;
}

export function validitySubmission(answer: Answer): ValiditySubmission {
  const { public_inputs: publicInputs } = answer.json;
  const limbs = (id: string) => bytesToLimbs(uuidToBytes(id as Parameters<typeof uuidToBytes>[0]));
  const header = {
    previousRoot: [0n, 0n, 0n, 0n],
    batchId: limbs(publicInputs.batchId),
    tenantId: limbs(publicInputs.tenantId),
    storeId: limbs(publicInputs.storeId),
    sequenceStart: BigInt(publicInputs.sequenceStart),
    timestamp: 1_750_000_000n,
    policyId: "order_total.cap",
    policyLimit: 10_000n,
  } as const;
  const events = Array.from({ length: publicInputs.leafCount }, (_, index) => ({
    eventId: [BigInt(index), 0n, 0n, 0n],
    amount: 1000n + BigInt(index),
    inputHash: new Array<bigint>(8).fill(BigInt(index)),
  }));
  const witness = batchWitness(kernels, header, events);
  const proof = proveBatch(kernels, witness);
  const file = { proof, inputs: witness.inputs, provingTimeMs: 1n, traceLength: 256n, proverVersion: "test" };
  const batchPublicInputs = JSON.parse(canonicalExactJson(batchFileJson(file).public_inputs!));
  const proofB64 = Buffer.from(proof).toString("base64");
  return { proofType: "stark", proofVersion: 2, proofB64, publicInputs, batchPublicInputs };
}

/** The same bytes but for one bit in the middle. */
export function tamper(proofB64: string): string {
  const bytes = Buffer.from(proofB64, "base64");
  bytes[bytes.length >> 1]! ^= 1;
  return bytes.toString("base64");
}
