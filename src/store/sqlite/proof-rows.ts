/** Rows of the two proof tables in one form, and the one place that knows how proof bytes are kept. */
import { assert } from "../../base/assert.js";
import { uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import type { ProofKey, ProofKind, StoredProof } from "../proof-contract.js";

/** Bytes as submitted; see `at_rest` in the migration. */
export const AT_REST_PLAIN = 0;

const COMMON = `p.proof_id, s.tenant_id, s.store_id, p.proof_type, p.proof_version, p.public_inputs, p.proof_hash,
  p.security_bits, p.submitted_at_ms`;

const SELECT: Readonly<Record<ProofKind, string>> = {
  compliance: `SELECT 'compliance' AS kind, ${COMMON}, p.event_id AS subject_id, p.policy_id, p.policy_params, p.policy_hash,
    p.witness_commitment, NULL AS batch_inputs FROM ves_compliance_proofs p JOIN streams s ON s.ref = p.stream_ref`,
  validity: `SELECT 'validity' AS kind, ${COMMON}, p.batch_id AS subject_id, NULL AS policy_id, NULL AS policy_params,
    NULL AS policy_hash, NULL AS witness_commitment, p.batch_inputs FROM ves_validity_proofs p
    JOIN streams s ON s.ref = p.stream_ref`,
};

export const PROOF_TABLE: Readonly<Record<ProofKind, string>> = {
  compliance: "ves_compliance_proofs",
  validity: "ves_validity_proofs",
};

export const SUBJECT_COLUMN: Readonly<Record<ProofKind, string>> = { compliance: "event_id", validity: "batch_id" };

export function selectProof(kind: ProofKind, condition: string): string {
  return `${SELECT[kind]} WHERE ${condition}`;
}

/** Parameters: `keyValues`. */
export function selectProofByKey(kind: ProofKind): string {
  const policy = kind === "compliance" ? " AND p.policy_hash = ?" : "";
  return selectProof(kind, `p.${SUBJECT_COLUMN[kind]} = ? AND p.proof_type = ? AND p.proof_version = ?${policy}`);
}

export function keyValues(key: ProofKey): (string | number | Uint8Array)[] {
  const values = [uuidToBytes(key.subjectId), key.proofType, key.proofVersion];
  return key.policy === null ? values : [...values, key.policy.policyHash];
}

interface ProofRow {
  readonly kind: ProofKind;
  readonly proof_id: Buffer;
  readonly subject_id: Buffer;
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
  readonly proof_type: string;
  readonly proof_version: number;
  readonly policy_id: string | null;
  readonly policy_params: string | null;
  readonly policy_hash: Buffer | null;
  readonly witness_commitment: Buffer | null;
  readonly batch_inputs: string | null;
  readonly public_inputs: string;
  readonly proof_hash: Buffer;
  readonly security_bits: number | null;
  readonly submitted_at_ms: number;
}

/** Null for no row. */
export function proofFromRow(found: unknown): StoredProof | null {
  if (found === undefined) return null;
  const row = found as ProofRow;
  const { policy_id: policyId, policy_params: policyParams, policy_hash: policyHash } = row;
  const policy =
    policyId === null || policyParams === null || policyHash === null
      ? null
      : { policyId, policyParams, policyHash: new Uint8Array(policyHash) };
  return {
    kind: row.kind,
    proofId: uuidFromBytes(row.proof_id),
    subjectId: uuidFromBytes(row.subject_id),
    tenantId: uuidFromBytes(row.tenant_id),
    storeId: uuidFromBytes(row.store_id),
    proofType: row.proof_type,
    proofVersion: row.proof_version,
    policy,
    witnessCommitment: row.witness_commitment === null ? null : new Uint8Array(row.witness_commitment),
    batchInputs: row.batch_inputs,
    publicInputs: row.public_inputs,
    proofHash: new Uint8Array(row.proof_hash),
    securityBits: row.security_bits,
    submittedAtMs: row.submitted_at_ms,
  };
}

/** The bytes as submitted. Null for no row. */
export function proofBytesFromRow(found: unknown): Uint8Array | null {
  if (found === undefined) return null;
  const { at_rest, proof } = found as { at_rest: number; proof: Buffer };
  assert(at_rest === AT_REST_PLAIN, `a proof is kept in form ${at_rest}, which this build does not know`);
  return new Uint8Array(proof);
}
