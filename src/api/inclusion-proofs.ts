/** Inclusion proof routes (COM-04, COM-05, COM-10): by sequence number, by event id, and a check that needs no rows. */
import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import { parseUuid } from "../base/ids.js";
import { commitmentView } from "../commit/commitment-view.js";
import type { Commitments } from "../commit/commitments.js";
import { readHash } from "../protocol/merkle.js";
import { verifyInclusion, verifyPath } from "../protocol/merkle-proof.js";
import type { LogReader } from "../store/contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { authorizeRead, type Scope } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { optional, readBody, required, sequence, text, texts } from "./body.js";
import { canSee } from "./entry-filter.js";
import { optionalUuid, requiredUuid } from "./query.js";
import { jsonReply } from "./reply.js";

export interface InclusionProofRoutesOptions {
  readonly authenticator: Authenticator;
  readonly commitments: Commitments;
  readonly reader: LogReader;
}

const PATH_ITEMS_MAX = 64;

export function inclusionProofRoutes(options: InclusionProofRoutesOptions): Route[] {
  const { authenticator } = options;
  const bySequence = { method: "GET", path: "/api/v1/ves/proofs/{sequence_number}" } as const;
  const byEvent = { method: "GET", path: "/api/v1/ves/inclusion-proofs/{event_id}" } as const;
  const verify = { method: "POST", path: "/api/v1/ves/proofs/verify", body: "json" } as const;
  return [
    authenticated(authenticator, bySequence, (request, { scope }) => proveSequence(options, request, scope)),
    authenticated(authenticator, byEvent, (request, { scope }) => proveEvent(options, request, scope)),
    authenticated(authenticator, verify, (request, { scope }) => verifyProof(request, scope)),
  ];
}

/** `?tenant_id&store_id&batch_id`; without `batch_id` the commitment that covers the number. */
async function proveSequence(
  { commitments }: InclusionProofRoutesOptions,
  { params, query }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const tenantId = requiredUuid(query, "tenant_id");
  const storeId = requiredUuid(query, "store_id");
  const batchId = optionalUuid(query, "batch_id");
  authorizeRead(scope, tenantId, storeId);
  const sequenceNumber = /^\d{1,16}$/.test(params.sequence_number!) ? Number(params.sequence_number) : 0;
  if (sequenceNumber < 1 || !Number.isSafeInteger(sequenceNumber)) {
    throw new CodedError("INVALID_FIELD_VALUE", "sequence_number must be a positive integer");
  }
  return jsonReply(await commitments.proofs.prove({ tenantId, storeId, sequenceNumber }, batchId));
}

/** The proof with all an offline verifier needs beside the event. An event of somebody else's stream does not exist. */
async function proveEvent(
  { commitments, reader }: InclusionProofRoutesOptions,
  { params }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const eventId = parseUuid(params.event_id!);
  if (eventId === null) throw new CodedError("INVALID_FIELD_VALUE", "event_id must be a UUID");
  if (!scope.canRead) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const entry = await reader.entryByEventId(eventId);
  if (entry === null || !canSee(scope, entry)) throw new CodedError("EVENT_NOT_FOUND", "Event not found");
  const proof = await commitments.proofs.prove(entry, null);
  const commitment = await commitments.directory.find(proof.batch_id);
  return jsonReply({ event_id: eventId, ...proof, commitment: commitmentView(commitment!) });
}

const PROOF = {
  leafHash: required(text(256), "leaf_hash"),
  merkleRoot: required(text(256), "merkle_root"),
  proofPath: required(texts(PATH_ITEMS_MAX + 1, 256), "proof_path"),
  leafIndex: required(sequence, "leaf_index"),
  leafCount: optional(sequence, "leaf_count"),
};

/** With `leaf_count` the tree's exact depth is demanded; without it only what the path itself bounds. No `0x` (§1.2). */
function verifyProof({ body }: HttpRequest, scope: Scope): HttpReply {
  if (!scope.canRead && !scope.canAdmin) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const { leafHash, merkleRoot, proofPath, leafIndex, leafCount } = readBody(body, PROOF);
  if (proofPath.length > PATH_ITEMS_MAX) {
    throw new CodedError("INVALID_FIELD_VALUE", `proof_path exceeds maximum length of ${PATH_ITEMS_MAX}`);
  }
  const proof = {
    leafHash: hash(leafHash, "leaf_hash"),
    merkleRoot: hash(merkleRoot, "merkle_root"),
    path: proofPath.map((sibling, index) => hash(sibling, `proof_path/${index}`)),
    leafIndex,
  };
  const isValid = leafCount === null ? verifyPath(proof) : verifyInclusion({ ...proof, leafCount });
  return jsonReply({ valid: isValid, leaf_hash: leafHash, merkle_root: merkleRoot });
}

function hash(value: string, name: string): Uint8Array {
  const bytes = readHash(value);
  if (bytes !== null) return bytes;
  throw new CodedError("INVALID_FIELD_VALUE", `${name} must be 32 bytes of hex without a prefix`, {
    pointer: `/${name}`,
  });
}
