/** Commitment routes (COM-01..12; bodies of wire-api A.7). What a credential may not see does not exist for it. */
import type { Authenticator } from "../auth/authenticator.js";
import type { Principal } from "../auth/principal.js";
import { CodedError } from "../base/errors.js";
import { anchoredCommitmentView, commitmentListView, commitmentView } from "../commit/commitment-view.js";
import type { Commitments } from "../commit/commitments.js";
import type { Commitment, CommitmentQuery } from "../store/commitment-contract.js";
import type { HttpRequest, Route } from "../transport/http.js";
import { authorizeRead, authorizeWrite, requireRead, type Scope } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { optional, readBody, required, sequence, uuid } from "./body.js";
import { canSee } from "./entry-filter.js";
import { pathId } from "./path-id.js";
import { cappedInteger, optionalText, requiredUuid } from "./query.js";
import { jsonReply } from "./reply.js";

export interface CommitmentRoutesOptions {
  readonly authenticator: Authenticator;
  readonly commitments: Commitments;
}

/** Where the commitments of a series are found and how they look there. */
export interface CommitmentSurface {
  readonly collection: string;
  readonly made: (commitment: Commitment) => unknown;
  readonly listed: (commitment: Commitment) => unknown;
  readonly shown: (commitment: Commitment) => unknown;
}

const VES: CommitmentSurface = {
  collection: "/api/v1/ves/commitments",
  made: commitmentView,
  listed: commitmentListView,
  shown: anchoredCommitmentView,
};

const LIMIT = { default: 1000, min: 1, max: 1000 };
const MAX = Number.MAX_SAFE_INTEGER;

/** Events of a range that is not given, as existing clients know it. */
const AUTOMATIC_EVENTS_DEFAULT = 1024;

export function commitmentRoutes(options: CommitmentRoutesOptions): Route[] {
  return commitmentRoutesAt(VES, options);
}

export function commitmentRoutesAt(surface: CommitmentSurface, options: CommitmentRoutesOptions): Route[] {
  const { authenticator } = options;
  const { collection, made, listed, shown } = surface;
  return [
    authenticated(authenticator, { method: "POST", path: collection, body: "json" }, async (request, principal) =>
      jsonReply(made(await create(options, request, principal))),
    ),
    authenticated(authenticator, { method: "GET", path: collection }, async (request, { scope }) => {
      const found = await list(options, request, scope);
      return jsonReply({ commitments: found.map(listed), count: found.length });
    }),
    authenticated(authenticator, { method: "GET", path: `${collection}/{batch_id}` }, async (request, { scope }) =>
      jsonReply(shown(await find(options, request, scope))),
    ),
  ];
}

const RANGE = {
  tenantId: required(uuid, "tenant_id", "tenantId"),
  storeId: required(uuid, "store_id", "storeId"),
  sequenceStart: optional(sequence, "sequence_start", "sequenceStart"),
  sequenceEnd: optional(sequence, "sequence_end", "sequenceEnd"),
  maxEvents: optional(sequence, "max_events", "maxEvents"),
};

/** `{tenant_id, store_id, sequence_start, sequence_end}`; without a range what follows the last commitment, up to `max_events`. */
async function create(
  { commitments }: CommitmentRoutesOptions,
  { body }: HttpRequest,
  { scope, credential }: Principal,
): Promise<Commitment> {
  const { tenantId, storeId, sequenceStart, sequenceEnd, maxEvents } = readBody(body, RANGE);
  authorizeWrite(scope, tenantId, storeId);
  if (maxEvents === 0) throw new CodedError("INVALID_FIELD_VALUE", "max_events must be at least 1");
  const { committer } = commitments;
  if (sequenceStart === null && sequenceEnd === null) {
    const eventsMax = maxEvents ?? AUTOMATIC_EVENTS_DEFAULT;
    return committer.commitNext({ tenantId, storeId }, eventsMax, "request", credential);
  }
  if (sequenceStart === null || sequenceEnd === null) {
    throw new CodedError("INVALID_FIELD_VALUE", "sequence_start and sequence_end must be provided together");
  }
  return committer.commit({ tenantId, storeId, sequenceStart, sequenceEnd }, "request", credential);
}

/** Commitments of one stream in sequence order: those without a transaction, unless `status` asks for others. */
async function list(
  { commitments }: CommitmentRoutesOptions,
  { query }: HttpRequest,
  scope: Scope,
): Promise<readonly Commitment[]> {
  const tenantId = requiredUuid(query, "tenant_id");
  const storeId = requiredUuid(query, "store_id");
  authorizeRead(scope, tenantId, storeId);
  return commitments.reader.commitments({
    tenantId,
    storeId,
    fromSequence: cappedInteger(query, "sequence_start", { default: 1, min: 0, max: MAX }),
    toSequence: cappedInteger(query, "sequence_end", { default: MAX, min: 0, max: MAX }),
    status: readStatus(optionalText(query, "status")),
    limit: cappedInteger(query, "limit", LIMIT),
  });
}

const STATUSES: readonly CommitmentQuery["status"][] = ["pending", "submitted", "anchored", "all"];

function readStatus(text: string | null): CommitmentQuery["status"] {
  const status = STATUSES.find((name) => name === (text ?? "pending"));
  if (status !== undefined) return status;
  throw new CodedError("INVALID_FIELD_VALUE", `query parameter status must be one of ${STATUSES.join(", ")}`);
}

async function find(
  { commitments }: CommitmentRoutesOptions,
  { params }: HttpRequest,
  scope: Scope,
): Promise<Commitment> {
  const batchId = pathId(params, "batch_id");
  requireRead(scope);
  const commitment = await commitments.directory.find(batchId, scope.tenantId);
  if (commitment === null || !canSee(scope, commitment))
    throw new CodedError("BATCH_NOT_FOUND", "Commitment not found");
  return commitment;
}
