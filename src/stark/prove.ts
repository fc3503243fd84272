/**
 * The one door to proving. Refuses a witness that does not satisfy the statement before any work is done. A proof made
 * here does not hide its amount (finding F3): treat its bytes as disclosing it.
 */
import type { Kernels } from "./kernels.js";
import {
  COMMITMENT_ELEMENTS,
  type ComplianceStatement,
  complianceStatementFault,
  type Statement,
} from "./statement.js";
import { batchElements } from "./v2/batch-statement.js";
import { batchTrace } from "./v2/batch-trace.js";
import type { BatchWitness } from "./v2/batch-witness.js";
import { complianceTrace } from "./v2/compliance-trace.js";
import { PROOF_PROFILES, type ProofProfile } from "./v2/options.js";
import { proveTrace } from "./v2/prover.js";
import type { TraceMatrix } from "./v2/trace-matrix.js";
import { airOf, verify } from "./verify.js";
import { commitAmount } from "./witness-commitment.js";

/** The witness does not satisfy the statement, or the statement is malformed. The message holds no amount. */
export class WitnessRefusedError extends Error {
  override readonly name = "WitnessRefusedError";
}

/** A finished proof did not verify: the trace does not satisfy its constraints, or the machine computed wrongly. */
export class ProofSelfCheckError extends Error {
  override readonly name = "ProofSelfCheckError";
}

/** Everything a compliance proof states but the commitment, which the amount determines. */
export type ComplianceClaim = Omit<ComplianceStatement, "witnessCommitment">;

export interface ComplianceProofResult {
  readonly proof: Uint8Array;
  readonly statement: ComplianceStatement;
}

/** Proves amount <= claim.effectiveLimit. Throws WitnessRefusedError, ProofSelfCheckError. */
export function proveCompliance(
  kernels: Kernels,
  amount: bigint,
  claim: ComplianceClaim,
  profile: ProofProfile = "secure",
): ComplianceProofResult {
  const fault = complianceStatementFault({
    ...claim,
    witnessCommitment: new Array<bigint>(COMMITMENT_ELEMENTS).fill(0n),
  });
  if (fault !== null) throw new WitnessRefusedError(fault);
  if (amount < 0n || amount > claim.effectiveLimit) {
    throw new WitnessRefusedError("the amount exceeds the effective limit");
  }
  const statement = { ...claim, witnessCommitment: commitAmount(kernels, amount) };
  const trace = complianceTrace(kernels, amount, claim.effectiveLimit, claim.inputElements);
  return { proof: proveChecked(kernels, statement, trace, profile), statement };
}

/** Proves one batch step. Non-compliant events are allowed and show as all-compliant = 0 (section 8.1). */
export function proveBatch(kernels: Kernels, witness: BatchWitness, profile: ProofProfile = "secure"): Uint8Array {
  const statement = { proofVersion: 2, kind: "batch", publicElements: batchElements(witness.inputs) } as const;
  return proveChecked(kernels, statement, batchTrace(kernels, witness), profile);
}

/** Proves and verifies: no proof leaves that would be refused. The check costs under a hundredth of the proof. */
function proveChecked(kernels: Kernels, statement: Statement, trace: TraceMatrix, profile: ProofProfile): Uint8Array {
  const proof = proveTrace(kernels, airOf(kernels, statement), trace, PROOF_PROFILES[profile]);
  const verdict = verify(kernels, proof, statement, { profiles: [profile] });
  if (!verdict.valid) throw new ProofSelfCheckError(`own proof refused: ${verdict.code}`);
  return proof;
}
