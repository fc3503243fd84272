/** Commitments and inclusion proofs in the OpenAPI document. */
import type { ErrorCode } from "../../base/errors.js";
import { operation, pathParameter, query, STORE, TENANT } from "./operation.js";
import { COUNT, type Json, list, object, ref, UUID } from "./schema-parts.js";

const sequence: Json = { type: "integer", minimum: 1 };
const hash: Json = { type: "string", description: "32 bytes of hex, no prefix." };

/** Body of a new commitment. */
export const COMMITMENT_RANGE: Json = object(["tenant_id", "store_id"], {
  tenant_id: UUID,
  store_id: UUID,
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

/** `root`: what the series calls its root. `length`: what `leaf_count` demands of the path. */
export function proofCheck(root: "merkle_root" | "events_root", length: string): Json {
  return operation({
    summary: "Check an inclusion proof. Needs no stored state: the same check runs offline.",
    body: object(["leaf_hash", root, "proof_path", "leaf_index"], {
      leaf_hash: hash,
      [root]: hash,
      proof_path: { type: "array", maxItems: 64, items: hash },
      leaf_index: COUNT,
      leaf_count: { ...COUNT, description: length },
    }),
    answer: object(["valid", "leaf_hash", root], {
      valid: { type: "boolean" },
      leaf_hash: { type: "string" },
      [root]: { type: "string" },
    }),
  });
}

export function proofBySequence(summary: string, schema: string): Json {
  return operation({
    summary,
    parameters: [
      pathParameter("sequence_number", "Sequence number."),
      TENANT,
      STORE,
      query("batch_id", UUID, "Commitment; absent = the one that covers the event."),
    ],
    answer: ref(schema),
    refusals: ["BATCH_NOT_FOUND"],
  });
}

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
    get: proofBySequence("Inclusion proof of an event by its sequence number.", "InclusionProof"),
  },
  "/api/v1/ves/inclusion-proofs/{event_id}": {
    get: operation({
      summary: "Inclusion proof of an event by its id, with its commitment.",
      parameters: [pathParameter("event_id", "Event id.")],
      answer: {
        allOf: [
          ref("InclusionProof"),
          object(["event_id", "commitment"], { event_id: UUID, commitment: ref("Commitment") }),
        ],
      },
      refusals: ["EVENT_NOT_FOUND", "BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/proofs/verify": {
    post: proofCheck("merkle_root", "The commitment's: then the path must have exactly its depth."),
  },
};
