/** Commitments and inclusion proofs in the OpenAPI document. */
import type { ErrorCode } from "../../base/errors.js";
import { type Json, list, object, operation, pathParameter, query, ref, STORE, TENANT, uuid } from "./operation.js";

const sequence: Json = { type: "integer", minimum: 1 };
const hash: Json = { type: "string", description: "32 bytes of hex, no prefix." };

/** Body of a new commitment. */
export const COMMITMENT_RANGE: Json = object(["tenant_id", "store_id"], {
  tenant_id: uuid,
  store_id: uuid,
  sequence_start: { ...sequence, description: "Last committed number + 1; the first commitment starts at 1." },
  sequence_end: { ...sequence, description: "Inclusive. Together with sequence_start." },
  max_events: { ...sequence, default: 1024, description: "Most events when no range is given." },
});

/** Why a range is not committed. */
export const COMMITMENT_REFUSALS: readonly ErrorCode[] = [
  ...(["ALREADY_EXISTS", "SEQUENCE_GAP", "INVALID_STATE_TRANSITION", "BATCH_TOO_LARGE"] as const),
];

/** Which commitments a list shows. */
export const COMMITMENT_FILTERS: readonly Json[] = [
  TENANT,
  STORE,
  query("status", { enum: ["pending", "submitted", "anchored", "all"], default: "pending" }, "Where it is on chain."),
  query("sequence_start", sequence, "Only commitments that cover numbers from here on."),
  query("sequence_end", sequence, "Only commitments that start at or before this number."),
  query("limit", { type: "integer", minimum: 1, maximum: 1000, default: 1000 }, "Most commitments."),
];

const CREATE = operation({
  summary:
    "Commit a range of a stream. The same range again answers with the stored commitment. Without a range: what follows the last commitment.",
  body: COMMITMENT_RANGE,
  answer: ref("Commitment"),
  refusals: COMMITMENT_REFUSALS,
});

const LIST = operation({
  summary: "Commitments of one stream in sequence order. Go on from the last sequence_end + 1.",
  parameters: COMMITMENT_FILTERS,
  answer: list("Commitment", "commitments"),
});

const VERIFY = operation({
  summary: "Check an inclusion proof. Needs no stored state: the same check runs offline.",
  body: object(["leaf_hash", "merkle_root", "proof_path", "leaf_index"], {
    leaf_hash: hash,
    merkle_root: hash,
    proof_path: { type: "array", maxItems: 64, items: hash },
    leaf_index: { type: "integer", minimum: 0 },
    leaf_count: { ...sequence, description: "The commitment's: then the path must have exactly its depth." },
  }),
  answer: object(["valid", "leaf_hash", "merkle_root"], {
    valid: { type: "boolean" },
    leaf_hash: { type: "string" },
    merkle_root: { type: "string" },
  }),
});

export const COMMITMENT_PATHS: Json = {
  "/api/v1/ves/commitments": { post: CREATE, get: LIST },
  "/api/v1/ves/commitments/{batch_id}": {
    get: operation({
      summary: "One commitment, with where it is on chain.",
      parameters: [pathParameter("batch_id", "Batch id.")],
      answer: ref("Commitment"),
      refusals: ["BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/proofs/{sequence_number}": {
    get: operation({
      summary: "Inclusion proof of an event by its sequence number.",
      parameters: [
        pathParameter("sequence_number", "Sequence number."),
        TENANT,
        STORE,
        query("batch_id", uuid, "Commitment; absent = the one that covers the event."),
      ],
      answer: ref("InclusionProof"),
      refusals: ["BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/inclusion-proofs/{event_id}": {
    get: operation({
      summary: "Inclusion proof of an event by its id, with its commitment.",
      parameters: [pathParameter("event_id", "Event id.")],
      answer: {
        allOf: [
          ref("InclusionProof"),
          object(["event_id", "commitment"], { event_id: uuid, commitment: ref("Commitment") }),
        ],
      },
      refusals: ["EVENT_NOT_FOUND", "BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/proofs/verify": { post: VERIFY },
};
