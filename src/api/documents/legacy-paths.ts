/** Legacy events, commitments and proofs in the OpenAPI document. */
import {
  COMMITMENT_FILTERS,
  COMMITMENT_RANGE,
  COMMITMENT_REFUSALS,
  proofBySequence,
  proofCheck,
} from "./commitment-paths.js";
import { BATCH, operation, pathParameter, query, STORE, TENANT } from "./operation.js";
import { COUNT, type Json, list, object, ref, UUID } from "./schema-parts.js";

const INGEST = operation({
  summary:
    "Submit legacy events of one agent and stream. They carry no signature: the API key or token that may write to the stream vouches for them. They get offsets in the one order and numbers of their own. A stored id is always a duplicate.",
  body: object(["agent_id", "events"], {
    agent_id: UUID,
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
    query("from", { ...COUNT, default: 0 }, "First sequence number, inclusive."),
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
    query("from", { ...COUNT, default: 0 }, "How many events of the entity to leave out."),
    query("limit", { ...COUNT, maximum: 100, default: 100 }, "Most events; 0 = 100."),
  ],
  answer: list("LegacySequencedEvent", "events", {
    entity_type: { type: "string" },
    entity_id: { type: "string" },
    total: COUNT,
    has_more: { type: "boolean" },
  }),
  refusals: ["BATCH_TOO_LARGE", "OVERLOADED"],
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
    get: proofBySequence("Inclusion proof of a legacy event.", "LegacyInclusionProof"),
  },
  "/api/v1/proofs/verify": {
    post: proofCheck("events_root", "The proof's: then the path must have its exact length."),
  },
};
