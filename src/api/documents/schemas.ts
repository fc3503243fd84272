/** JSON Schemas shared by the OpenAPI and AsyncAPI documents. Tests validate live answers against them. */

import { ENTRY_KINDS } from "../../protocol/entry-kind.js";
import { ENVELOPE_REQUIRED } from "../../protocol/envelope.js";
import { ENVELOPE_EXAMPLE } from "./examples.js";
import { LEGACY_SCHEMAS } from "./legacy-schemas.js";
import { BYTES, COUNT, HASH, KEY_ID, orNull, ref, TIME, U32, UUID } from "./schema-parts.js";

const hex = (bytes: number, description: string) => ({
  type: "string",
  pattern: `^(0x)?[0-9a-fA-F]{${bytes * 2}}$`,
  description,
});

const encryptedPayload = {
  type: "object",
  description: "VES-ENC-1: AES-256-GCM content, its key sealed to each recipient with HPKE.",
  required: ["enc_version", "aead", "nonce_b64u", "ciphertext_b64u", "tag_b64u", "hpke", "recipients"],
  properties: {
    enc_version: { const: 1 },
    aead: { const: "AES-256-GCM" },
    nonce_b64u: { type: "string" },
    ciphertext_b64u: { type: "string" },
    tag_b64u: { type: "string" },
    hpke: {
      type: "object",
      required: ["mode", "kem", "kdf", "aead"],
      properties: {
        mode: { const: "base" },
        kem: { const: "X25519-HKDF-SHA256" },
        kdf: { const: "HKDF-SHA256" },
        aead: { const: "AES-256-GCM" },
      },
    },
    recipients: {
      type: "array",
      minItems: 1,
      description: "Strictly ascending by recipient_kid.",
      items: {
        type: "object",
        required: ["recipient_kid", "enc_b64u", "ct_b64u"],
        properties: { recipient_kid: U32, enc_b64u: { type: "string" }, ct_b64u: { type: "string" } },
      },
    },
  },
};

const envelope = {
  type: "object",
  description:
    "A signed VES v1 event. agent_signature is Ed25519 over its signing hash: SHA-256(VES_EVENTSIG_V1 || ves_version || tenant_id || store_id || event_id || source_agent_id || agent_key_id || entity_type || entity_id || event_type || created_at || payload_kind || payload_plain_hash || payload_cipher_hash), integers as 4 bytes, most significant first, ids as their 16 bytes, texts as UTF-8 behind their length as such an integer. The example is signed with the key of RFC 8032, 7.1, test 1.",
  examples: [ENVELOPE_EXAMPLE],
  required: ENVELOPE_REQUIRED,
  properties: {
    ves_version: { const: 1 },
    event_id: { ...UUID, description: "Unique over all streams: the idempotency key." },
    tenant_id: UUID,
    store_id: UUID,
    source_agent_id: UUID,
    agent_key_id: U32,
    entity_type: { type: "string", minLength: 1, maxLength: 128, description: BYTES },
    entity_id: { type: "string", minLength: 1, maxLength: 512, description: BYTES },
    event_type: { type: "string", minLength: 1, maxLength: 256, description: BYTES },
    // No `format`: nor is it one of these to every reader.
    created_at: {
      type: "string",
      maxLength: 64,
      description:
        "RFC 3339 with any offset, and as existing senders write it: `t`, `z` or a blank, second 60 in any minute, U+2212 as minus. Kept and hashed as this exact text.",
    },
    payload_kind: { enum: [0, 1], description: "0 plaintext, 1 encrypted." },
    payload: { description: "Kind 0: any JSON but null." },
    payload_encrypted: ref("EncryptedPayload"),
    payload_plain_hash: hex(
      32,
      "SHA-256(VES_PAYLOAD_PLAIN_V1 || payload as canonical JSON, RFC 8785); kind 1 has 16 bytes of salt between the two.",
    ),
    payload_cipher_hash: hex(32, "Zero for kind 0."),
    agent_signature: hex(64, "Ed25519."),
    command_id: orNull({ ...UUID, description: "At most one event per command and stream." }),
    base_version: orNull({ ...COUNT, description: "Must equal the entity's version when given." }),
  },
};

const receipt = {
  type: "object",
  required: [
    "sequencerId",
    "eventId",
    "sequenceNumber",
    "sequencedAt",
    "receiptHash",
    "signatureAlg",
    "sequencerSignature",
    "sequencerKeyVersion",
  ],
  properties: {
    sequencerId: UUID,
    eventId: UUID,
    sequenceNumber: { type: "integer", minimum: 1 },
    sequencedAt: TIME,
    receiptHash: hex(
      32,
      "SHA-256(VES_RECEIPT_V1 || tenant_id || store_id || event_id || sequence number as 8 bytes || signing hash), see Envelope; a legacy event's begins with STATESET_EVENT_RECEIPT_V1.",
    ),
    signatureAlg: { const: "ed25519" },
    sequencerSignature: hex(64, "Ed25519 over receiptHash, by the key of GET /api/v1/sequencer."),
    sequencerKeyVersion: COUNT,
    receiptSignatureScheme: { const: 1 },
  },
};

const entry = {
  type: "object",
  description: "One entry of the log, as subscriptions and reads carry it.",
  required: ["kind", "offset", "tenant_id", "store_id", "sequence_number", "sequenced_at", "event", "receipt"],
  additionalProperties: false,
  properties: {
    kind: { enum: ENTRY_KINDS, description: "ves_event: signed by its agent. event: a legacy event." },
    offset: { ...COUNT, description: "Place in the one total order: from 0, gap-free, never reused." },
    tenant_id: UUID,
    store_id: UUID,
    sequence_number: { type: "integer", minimum: 1, description: "Place in its stream: from 1, gap-free." },
    sequenced_at: TIME,
    event: { anyOf: [ref("Envelope"), ref("LegacyEnvelope")] },
    receipt: ref("Receipt"),
  },
};

const ingestAnswer = {
  type: "object",
  required: ["batchId", "eventsAccepted", "eventsRejected", "sequenceStart", "sequenceEnd", "headSequence"],
  additionalProperties: false,
  properties: {
    batchId: UUID,
    eventsAccepted: { ...COUNT, description: "Newly stored. Exact replays count neither here nor as rejected." },
    eventsRejected: COUNT,
    sequenceStart: orNull(COUNT),
    sequenceEnd: orNull(COUNT),
    headSequence: COUNT,
    rejections: {
      type: "array",
      items: {
        type: "object",
        required: ["event_id", "reason", "message"],
        properties: {
          event_id: UUID,
          reason: { type: "string", description: "Compare the part before the first colon." },
          message: { type: "string" },
        },
      },
    },
    receipts: { type: "array", description: "Replayed ones first.", items: ref("Receipt") },
  },
};

const problem = {
  type: "object",
  description: "RFC 9457 problem details. `code` is stable; `detail` is for people.",
  required: ["type", "title", "status", "detail", "code", "request_id", "error"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string" },
    request_id: { type: "string" },
    pointer: { type: "string", description: "RFC 6901 pointer into the request body." },
    log_id: { ...UUID, description: "LOG_MISMATCH: the log there is." },
    epoch: { ...COUNT, description: "LOG_MISMATCH: its epoch." },
    next_offset: { ...COUNT, description: "CURSOR_IN_FUTURE, CURSOR_TOO_OLD: where the log ends." },
    catch_up_max: { ...COUNT, description: "CURSOR_TOO_OLD: how far behind the end a subscription may start." },
    error: {
      type: "object",
      required: ["code", "numeric_code", "message"],
      properties: { code: { type: "string" }, numeric_code: { type: "integer" }, message: { type: "string" } },
    },
  },
};

const logPosition = {
  type: "object",
  required: ["log_id", "epoch", "next_offset"],
  properties: {
    log_id: UUID,
    epoch: { type: "integer", minimum: 1, description: "Raised by a restore: earlier cursors are refused." },
    next_offset: COUNT,
    head_sequence: { ...COUNT, description: "With tenant_id and store_id: last number of its VES events, 0 = none." },
    legacy_head_sequence: { ...COUNT, description: "With tenant_id and store_id: the same of its legacy events." },
  },
};

const agentKey = {
  type: "object",
  required: ["tenantId", "agentId", "keyId", "keyType", "keyAlgorithm", "publicKey", "status", "createdAt"],
  properties: {
    tenantId: UUID,
    agentId: UUID,
    keyId: KEY_ID,
    keyType: { enum: ["signing", "encryption"] },
    keyAlgorithm: { enum: [1, 2], description: "1 Ed25519, 2 X25519." },
    publicKey: hex(32, "Raw public key."),
    status: { enum: ["active", "revoked", "expired", "not_yet_valid"] },
    validFrom: orNull(TIME),
    validTo: orNull(TIME),
    createdAt: TIME,
    revokedAt: orNull(TIME),
    revokeReason: orNull({ type: "string" }),
  },
};

const apiKey = {
  type: "object",
  required: ["keyHashPrefix", "tenantId", "storeIds", "agentId", "permissions", "active", "createdAt"],
  properties: {
    keyHashPrefix: { type: "string", description: "First 16 hex digits of the key's SHA-256." },
    tenantId: UUID,
    storeIds: { type: "array", items: UUID, description: "Empty = every store of the tenant." },
    agentId: orNull(UUID),
    permissions: { enum: ["read", "read_write", "admin"] },
    label: orNull({ type: "string" }),
    active: { type: "boolean" },
    createdAt: TIME,
    revokedAt: orNull(TIME),
  },
};

const sequenceNumber = { type: "integer", minimum: 1 };

const commitment = {
  type: "object",
  description: "A Merkle commitment over consecutive events of one stream, chained to the one before it by state root.",
  required: [
    ...["batch_id", "tenant_id", "store_id", "ves_version", "tree_depth", "leaf_count", "padded_leaf_count"],
    ...["merkle_root", "prev_state_root", "new_state_root", "sequence_start", "sequence_end", "committed_at"],
  ],
  additionalProperties: false,
  properties: {
    batch_id: UUID,
    tenant_id: UUID,
    store_id: UUID,
    ves_version: { const: 1 },
    tree_depth: COUNT,
    leaf_count: { type: "integer", minimum: 1, description: "Length of the range." },
    padded_leaf_count: { type: "integer", minimum: 1, description: "2 ^ tree_depth." },
    merkle_root: HASH,
    prev_state_root: { ...HASH, description: "new_state_root of the commitment before; zero for the first." },
    new_state_root: HASH,
    sequence_start: sequenceNumber,
    sequence_end: { ...sequenceNumber, description: "Inclusive." },
    committed_at: TIME,
    chain_id: orNull(COUNT),
    chain_tx_hash: orNull(HASH),
    chain_block_number: orNull(COUNT),
    anchored_at: orNull(TIME),
    is_anchored: { type: "boolean" },
  },
};

const inclusionProof = {
  type: "object",
  description: "A leaf's way to the Merkle root of its commitment.",
  required: ["sequence_number", "batch_id", "merkle_root", "leaf_hash", "leaf_index", "proof_path", "directions"],
  properties: {
    sequence_number: sequenceNumber,
    batch_id: UUID,
    merkle_root: HASH,
    leaf_hash: HASH,
    leaf_index: COUNT,
    proof_path: { type: "array", items: HASH, description: "Siblings, bottom first: tree_depth of them." },
    directions: {
      type: "array",
      items: { type: "boolean" },
      description: "True where the node on the way up is the left child. Derivable from leaf_index.",
    },
  },
};

/** By the name the documents refer to them. */
export const SCHEMAS = {
  Envelope: envelope,
  EncryptedPayload: encryptedPayload,
  Receipt: receipt,
  Entry: entry,
  IngestAnswer: ingestAnswer,
  Problem: problem,
  LogPosition: logPosition,
  AgentKey: agentKey,
  ApiKey: apiKey,
  Commitment: commitment,
  InclusionProof: inclusionProof,
  ...LEGACY_SCHEMAS,
};
