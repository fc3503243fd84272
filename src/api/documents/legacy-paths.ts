/** Legacy events, commitments and proofs in the OpenAPI document. */
import { COMMITMENT_FILTERS, COMMITMENT_RANGE, COMMITMENT_REFUSALS } from "./commitment-paths.js";
import {
  BATCH,
  type Json,
  list,
  object,
  operation,
  pathParameter,
  query,
  ref,
  STORE,
  TENANT,
  uuid,
} from "./operation.js";

const hash: Json = { type: "string", description: "32 bytes of hex, no prefix." };
const index: Json = { type: "integer", minimum: 0 };

const INGEST = operation({
  summary:
    "Submit legacy events of one agent and stream. They carry no signature: the API key or token that may write to the stream vouches for them. They get offsets in the one order and numbers of their own. A stored id is always a duplicate.",
  body: object(["agent_id", "events"], {
    agent_id: uuid,
    events: { type: "array", maxItems: 1000, items: ref("LegacyEnvelope"), description: BATCH },
  }),
  answer: ref("LegacyIngestAnswer"),
  refusals: ["BATCH_TOO_LARGE"],
});

const EVENTS = operation({
  summary:
    "Legacy events of one stream: numbers from to from + limit - 1. Numbers start at 1, so from=0 shows one less.",
  parameters: [
    TENANT,
    STORE,
    query("from", { ...index, default: 0 }, "First sequence number, inclusive."),
    query("limit", { type: "integer", minimum: 1, maximum: 1000, default: 100 }, "Length of the range; cut to 1000."),
  ],
  answer: list("LegacySequencedEvent", "events"),
  refusals: ["BATCH_TOO_LARGE", "OVERLOADED"],
});

const HISTORY = operation({
  summary: "The legacy events of one entity, in order.",
  parameters: [
    pathParameter("entity_type", "Entity type."),
    pathParameter("entity_id", "Entity id, percent-encoded."),
    TENANT,
    STORE,
    query("from", { ...index, default: 0 }, "How many events of the entity to leave out."),
    query("limit", { ...index, maximum: 100, default: 100 }, "Most events; 0 = 100."),
  ],
  answer: list("LegacySequencedEvent", "events", {
    entity_type: { type: "string" },
    entity_id: { type: "string" },
    total: index,
    has_more: { type: "boolean" },
  }),
  refusals: ["BATCH_TOO_LARGE", "OVERLOADED"],
});

const VERIFY = operation({
  summary: "Check an inclusion proof. Needs no stored state: the same check runs offline.",
  body: object(["leaf_hash", "events_root", "proof_path", "leaf_index"], {
    leaf_hash: hash,
    events_root: hash,
    proof_path: { type: "array", maxItems: 64, items: hash },
    leaf_index: index,
    leaf_count: { type: "integer", minimum: 1, description: "The proof's: then the path must have its exact length." },
  }),
  answer: object(["valid", "leaf_hash", "events_root"], {
    valid: { type: "boolean" },
    leaf_hash: { type: "string" },
    events_root: { type: "string" },
  }),
});

export const LEGACY_PATHS: Json = {
  "/api/v1/events/ingest": { post: INGEST },
  "/api/v1/events": { get: EVENTS },
  "/api/v1/entities/{entity_type}/{entity_id}": { get: HISTORY },
  "/api/v1/commitments": {
    post: operation({
      summary:
        "Commit a range of a stream's legacy events. The same range again answers with the stored commitment. Without a range: what follows the last commitment.",
      body: COMMITMENT_RANGE,
      answer: ref("LegacyCommitment"),
      refusals: COMMITMENT_REFUSALS,
    }),
    get: operation({
      summary: "Commitments over one stream's legacy events, in sequence order.",
      parameters: COMMITMENT_FILTERS,
      answer: list("LegacyListedCommitment", "commitments"),
    }),
  },
  "/api/v1/commitments/{batch_id}": {
    get: operation({
      summary: "One commitment over legacy events.",
      parameters: [pathParameter("batch_id", "Batch id.")],
      answer: ref("LegacyShownCommitment"),
      refusals: ["BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/proofs/{sequence_number}": {
    get: operation({
      summary: "Inclusion proof of a legacy event.",
      parameters: [
        pathParameter("sequence_number", "Sequence number."),
        TENANT,
        STORE,
        query("batch_id", uuid, "Commitment; absent = the one that covers the event."),
      ],
      answer: ref("LegacyInclusionProof"),
      refusals: ["BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/proofs/verify": { post: VERIFY },
};
