/** JSON Schemas of compliance and validity proofs. */
import { HASH, type Json, orNull, UUID, whole } from "./schema-parts.js";

const ids = (subject: string): Json => ({
  proof_id: UUID,
  [subject]: UUID,
  tenant_id: UUID,
  store_id: UUID,
  proof_type: { type: "string" },
  proof_version: { type: "integer", minimum: 1 },
});

const stark: Json = {
  stark_security_bits: {
    ...orNull({ type: "integer" }),
    description: "Conjectured bits of the proof system; null when not verified.",
  },
  stark_statement: {
    ...orNull({ type: "string" }),
    description: "What such a proof shows and what it does not; null for opaque proofs.",
  },
};

const witness: Json = {
  witness_commitment: {
    ...orNull({ type: "array", minItems: 4, maxItems: 4, items: { type: "integer" } }),
    description: "Four u64: read them from the hex where numbers are doubles.",
  },
  witness_commitment_hex: orNull(HASH),
};

const stored: Json = {
  proof_hash: { ...HASH, description: "Domain-separated SHA-256 of the proof's bytes." },
  public_inputs: { type: "object" },
  submitted_at: { type: "string", format: "date-time" },
  ...stark,
};

const check: Json = {
  proof_hash: HASH,
  proof_hash_match: { type: "boolean" },
  public_inputs_hash: orNull(HASH),
  canonical_public_inputs_hash: HASH,
  public_inputs_match: { type: "boolean" },
  stark_valid: orNull({ type: "boolean" }),
  stark_error: orNull({ type: "string" }),
  stark_verification_time_ms: orNull({ type: "integer", minimum: 0 }),
  ...stark,
  valid: { type: "boolean" },
  reason: orNull({
    enum: [
      "proof_hash_mismatch",
      "policy_hash_mismatch",
      "missing_public_inputs",
      "public_inputs_mismatch",
      "stark_invalid",
    ],
  }),
};

const policy: Json = { policy_id: { type: "string" }, policy_hash: HASH };

export const PROOF_SCHEMAS: Json = {
  ComplianceProof: whole({
    ...ids("event_id"),
    ...policy,
    policy_params: { type: "object" },
    ...witness,
    ...stored,
  }),
  ComplianceCheck: whole({ ...ids("event_id"), ...policy, ...witness, ...check }),
  ValidityProof: whole({
    ...ids("batch_id"),
    batch_public_inputs: orNull({ type: "object" }),
    ...stored,
  }),
  ValidityCheck: whole({ ...ids("batch_id"), ...check }),
};
