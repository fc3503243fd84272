/** Schemas of the legacy routes: events that carry no verified signature, and their commitments. */
import { BYTES, COUNT, orNull, ref, TIME, UUID } from "./schema-parts.js";

const sequence = { type: "integer", minimum: 1 };
const hash = { type: "string", pattern: "^[0-9a-f]{64}$", description: "32 bytes of hex, no prefix." };
const hashBytes = {
  type: "array",
  minItems: 32,
  maxItems: 32,
  items: { type: "integer", minimum: 0, maximum: 255 },
  description: "32 bytes as numbers.",
};

const ENVELOPE_REQUIRED = [
  ...["event_id", "tenant_id", "store_id", "entity_type", "entity_id", "event_type"],
  ...["payload", "payload_hash", "created_at", "source_agent"],
];

const envelope = {
  type: "object",
  description: "A legacy event. The credential that sent it vouches for it: nothing of it is signed by its agent.",
  required: ENVELOPE_REQUIRED,
  properties: {
    envelope_version: { const: 1 },
    event_id: { ...UUID, description: "Unique over all streams and both kinds of event." },
    command_id: orNull({ ...UUID, description: "At most one legacy event per command and stream." }),
    tenant_id: UUID,
    store_id: UUID,
    entity_type: { type: "string", minLength: 1, maxLength: 128, description: BYTES },
    entity_id: { type: "string", minLength: 1, maxLength: 512, description: BYTES },
    event_type: { type: "string", minLength: 1, maxLength: 256, description: BYTES },
    payload: { description: "Any JSON." },
    payload_hash: {
      ...hash,
      description: "SHA-256 of the compact payload: keys sorted, `100` and `100.0` kept apart. No 0x.",
    },
    base_version: orNull({
      ...COUNT,
      description: "Must equal the entity's version, which counts both kinds of event.",
    }),
    created_at: TIME,
    sequence_number: orNull({ ...COUNT, description: "Given by the sequencer; ignored when sent." }),
    source_agent: { ...UUID, description: "Must be the request's agent_id." },
    signature: orNull({
      type: "array",
      maxItems: 8192,
      items: { type: "integer", minimum: 0, maximum: 255 },
      description: "Kept, never verified.",
    }),
  },
};

const sequencedEvent = {
  type: "object",
  required: ["envelope", "sequenced_at"],
  additionalProperties: false,
  properties: {
    envelope: {
      allOf: [ref("LegacyEnvelope"), { type: "object", required: ["envelope_version", "sequence_number"] }],
    },
    sequenced_at: TIME,
  },
};

const ingestAnswer = {
  type: "object",
  required: [
    ...["batch_id", "events_accepted", "events_rejected", "assigned_sequence_start", "assigned_sequence_end"],
    "head_sequence",
  ],
  additionalProperties: false,
  properties: {
    batch_id: UUID,
    events_accepted: COUNT,
    events_rejected: COUNT,
    assigned_sequence_start: orNull(sequence),
    assigned_sequence_end: orNull(sequence),
    head_sequence: { ...COUNT, description: "Last number of the stream's legacy events." },
    rejections: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["event_id", "reason", "message"],
        properties: {
          event_id: UUID,
          reason: {
            enum: [
              ...["SchemaValidation", "DuplicateEventId", "InvalidPayloadHash", "DuplicateCommandId"],
              "VersionConflict",
            ],
          },
          message: { type: "string" },
        },
      },
    },
  },
};

const identity = { batch_id: UUID, tenant_id: UUID, store_id: UUID };
const range = {
  event_count: sequence,
  sequence_start: sequence,
  sequence_end: { ...sequence, description: "Inclusive." },
  committed_at: TIME,
};

const commitment = {
  type: "object",
  description: "A Merkle commitment over consecutive legacy events of one stream.",
  required: [...Object.keys(identity), "prev_state_root", "new_state_root", "events_root", ...Object.keys(range)],
  additionalProperties: false,
  properties: { ...identity, prev_state_root: hash, new_state_root: hash, events_root: hash, ...range },
};

const listedCommitment = {
  type: "object",
  required: [...Object.keys(identity), "events_root", ...Object.keys(range), "is_anchored"],
  additionalProperties: false,
  properties: { ...identity, events_root: hash, ...range, is_anchored: { type: "boolean" } },
};

const shownCommitment = {
  type: "object",
  description: "The same with its hashes as arrays of numbers, as existing clients read it here.",
  required: [
    ...Object.keys(identity),
    ...["prev_state_root", "new_state_root", "events_root", "event_count", "sequence_range", "committed_at"],
    "chain_tx_hash",
  ],
  additionalProperties: false,
  properties: {
    ...identity,
    ...{ prev_state_root: hashBytes, new_state_root: hashBytes, events_root: hashBytes, event_count: sequence },
    sequence_range: { type: "array", minItems: 2, maxItems: 2, items: sequence },
    committed_at: TIME,
    chain_tx_hash: orNull(hashBytes),
  },
};

const inclusionProof = {
  type: "object",
  description: "A leaf's way to the events root of its commitment. Levels without a sibling contribute nothing.",
  required: [
    ...["sequence_number", "batch_id", "events_root", "leaf_hash", "leaf_index", "leaf_count", "proof_path"],
    "directions",
  ],
  additionalProperties: false,
  properties: {
    sequence_number: sequence,
    batch_id: UUID,
    events_root: hash,
    leaf_hash: hash,
    leaf_index: COUNT,
    leaf_count: { ...sequence, description: "Events of the commitment: fixes the path's length." },
    proof_path: { type: "array", items: hash, description: "Siblings, bottom first." },
    directions: {
      type: "array",
      items: { type: "boolean" },
      description: "For each item of the path: true where the node on the way up is the left child.",
    },
  },
};

/** By the name the documents refer to them. */
export const LEGACY_SCHEMAS = {
  LegacyEnvelope: envelope,
  LegacySequencedEvent: sequencedEvent,
  LegacyIngestAnswer: ingestAnswer,
  LegacyCommitment: commitment,
  LegacyListedCommitment: listedCommitment,
  LegacyShownCommitment: shownCommitment,
  LegacyInclusionProof: inclusionProof,
};
