/** Proofs as they travel (wire-api A.8, A.9), plus what they show and how strong they are. Values are printed losslessly. */

import { encodeBase64 } from "../base/base64.js";
import { toHex } from "../base/bytes.js";
import { type ExactJson, type ExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import type { StoredProof } from "../store/proof-contract.js";
import { failureReason, type ProofCheck, publicInputsHash } from "./proof-registry.js";
import { starkMeaning } from "./proof-statement.js";

/** With `proof`, as a read by id shows it; without, as submissions and lists do. */
export function proofView(stored: StoredProof, proof: Uint8Array | null = null): ExactJsonObject {
  return {
    ...idsOf(stored),
    ...policyOf(stored, true),
    proof_hash: toHex(stored.proofHash),
    ...(stored.kind === "compliance" ? witnessOf(stored) : {}),
    ...(proof === null ? {} : { proof_b64: encodeBase64(proof) }),
    public_inputs: parseExactJson(stored.publicInputs),
    ...(stored.kind === "validity" ? { batch_public_inputs: batchInputsOf(stored) } : {}),
    submitted_at: new Date(stored.submittedAtMs).toISOString(),
    stark_security_bits: stored.securityBits,
    stark_statement: starkMeaning(stored),
  };
}

/** What became of a check. `valid` is true only when everything that can be checked was. */
export function checkView(stored: StoredProof, check: ProofCheck): ExactJsonObject {
  const { stark, canonicalInputs } = check;
  const reason = failureReason(check);
  return {
    ...idsOf(stored),
    ...policyOf(stored, false),
    proof_hash: toHex(stored.proofHash),
    proof_hash_match: check.proofHashMatches,
    public_inputs_hash: publicInputsHash(parseExactJson(stored.publicInputs) as ExactJsonObject),
    canonical_public_inputs_hash: publicInputsHash(canonicalInputs),
    public_inputs_match: check.publicInputsMatch,
    ...(stored.kind === "compliance" ? witnessOf(stored) : {}),
    stark_valid: stark?.valid ?? null,
    stark_error: stark?.error ?? null,
    stark_verification_time_ms: stark === null || stark.timeMs === null ? null : Math.ceil(stark.timeMs),
    stark_security_bits: stark?.securityBits ?? null,
    stark_statement: starkMeaning(stored),
    valid: reason === null,
    reason,
  };
}

function idsOf(stored: StoredProof): ExactJsonObject {
  return {
    proof_id: stored.proofId,
    [stored.kind === "compliance" ? "event_id" : "batch_id"]: stored.subjectId,
    tenant_id: stored.tenantId,
    store_id: stored.storeId,
    proof_type: stored.proofType,
    proof_version: stored.proofVersion,
  };
}

function policyOf({ policy }: StoredProof, hasParams: boolean): ExactJsonObject {
  if (policy === null) return {};
  return {
    policy_id: policy.policyId,
    ...(hasParams ? { policy_params: parseExactJson(policy.policyParams) } : {}),
    policy_hash: toHex(policy.policyHash),
  };
}

function witnessOf({ witnessCommitment: bytes }: StoredProof): ExactJsonObject {
  if (bytes === null) return { witness_commitment: null, witness_commitment_hex: null };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    witness_commitment: [0, 8, 16, 24].map((at) => view.getBigUint64(at)),
    witness_commitment_hex: toHex(bytes),
  };
}

function batchInputsOf({ batchInputs }: StoredProof): ExactJson {
  return batchInputs === null ? null : parseExactJson(batchInputs);
}
