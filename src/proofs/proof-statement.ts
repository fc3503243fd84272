/** Which proofs are STARKs, what they must show, and what that means in words (findings F2 to F4, see `stark/README.md`). */
import { toHex } from "../base/bytes.js";
import { uuidToBytes } from "../base/ids.js";
import { batchInputsOf, batchStatementOf } from "../stark/batch-file.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { complianceStatement, parseComplianceInputs } from "../stark/compliance-inputs.js";
import { type ExactJsonObject, isExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import { bytesToLimbs } from "../stark/field.js";
import type { Statement } from "../stark/statement.js";
import type { ProofFacts, ProofKind } from "../store/proof-contract.js";

/** The version of the one STARK format there is. */
export const STARK_PROOF_VERSION = 2;

/** Every other type is kept as opaque bytes. */
export function isStark({ proofType }: Pick<ProofFacts, "proofType">): boolean {
  return proofType.toLowerCase().startsWith("stark");
}

const MEANINGS: Readonly<Record<ProofKind, string>> = {
  compliance:
    "Its prover knew an amount within the policy's limit behind this witness commitment, for exactly these public inputs. " +
    "It does not show that the amount is the payload's, and it hides nothing: proof and commitment disclose the amount.",
  validity:
    "A checksum of an honest prover's run from one state root of its own to the next over this sequence range. It does not " +
    "show that the events comply, nor anything about the commitment's roots, and is no evidence against a dishonest prover.",
};

/** For people; null for opaque proofs, of which nothing is known. */
export function starkMeaning(facts: Pick<ProofFacts, "kind" | "proofType">): string | null {
  return isStark(facts) ? MEANINGS[facts.kind] : null;
}

type Claimed = Pick<ProofFacts, "kind" | "witnessCommitment" | "batchInputs">;

/**
 * The statement a STARK must show. `publicInputs` are the canonical ones. Throws ComplianceInputError where the policy,
 * the commitment or the batch inputs do not make one.
 */
export function starkStatement(
  { kind, witnessCommitment, batchInputs }: Claimed,
  publicInputs: ExactJsonObject,
): Statement {
  if (kind === "validity") return batchStatement(batchInputs, publicInputs);
  const witness = witnessCommitment === null ? null : toHex(witnessCommitment);
  return complianceStatement(parseComplianceInputs(publicInputs), witness);
}

/**
 * A batch proof's state roots, time, policy and accumulator are its own: the commitment's inputs do not hold them (§8.10).
 * What both have must agree.
 */
function batchStatement(batchInputs: string | null, publicInputs: ExactJsonObject): Statement {
  const json = batchInputs === null ? null : parseExactJson(batchInputs);
  if (json === null || !isExactJsonObject(json)) throw new ComplianceInputError("batchPublicInputs are required");
  const inputs = batchInputsOf(json);
  const expectLimbs = (name: string, limbs: readonly bigint[], id: unknown): void => {
    const expected = bytesToLimbs(uuidToBytes(id as Parameters<typeof uuidToBytes>[0]));
    if (limbs.join() !== expected.join()) throw new ComplianceInputError(`${name} is not the commitment's`);
  };
  expectLimbs("batch_id", inputs.batchId, publicInputs.batchId);
  expectLimbs("tenant_id", inputs.tenantId, publicInputs.tenantId);
  expectLimbs("store_id", inputs.storeId, publicInputs.storeId);
  if (inputs.sequenceStart !== publicInputs.sequenceStart || inputs.sequenceEnd !== publicInputs.sequenceEnd) {
    throw new ComplianceInputError("the sequence range is not the commitment's");
  }
  if (inputs.isAllCompliant !== publicInputs.allCompliant) {
    throw new ComplianceInputError("all_compliant must be true");
  }
  return batchStatementOf(inputs);
}
