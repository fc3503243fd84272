/** Inclusion proof routes (COM-04, COM-05, COM-10): by sequence number, by event id, and a check that needs no rows. */
import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import { commitmentView } from "../commit/commitment-view.js";
import type { Commitments } from "../commit/commitments.js";
import type { InclusionProofView } from "../commit/inclusion-proofs.js";
import { readHash } from "../protocol/hash.js";
import { verifyMerkleInclusion, verifyMerklePath } from "../protocol/merkle-proof.js";
import type { LogReader } from "../store/contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { authorizeRead, requireRead, type Scope } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { optional, readBody, required, sequence, text, texts } from "./body.js";
import { canSee } from "./entry-filter.js";
import { pathId } from "./path-id.js";
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
    authenticated(authenticator, bySequence, async (request, { scope }) =>
      jsonReply(await proveSequence(options, request, scope)),
    ),
    authenticated(authenticator, byEvent, (request, { scope }) => proveEvent(options, request, scope)),
    authenticated(authenticator, verify, (request, { scope }) => verifyProof(request, scope)),
  ];
}

/** `?tenant_id&store_id&batch_id`; without `batch_id` the commitment that covers the number. */
export async function proveSequence(
  { commitments }: Pick<InclusionProofRoutesOptions, "commitments">,
  { params, query }: HttpRequest,
  scope: Scope,
): Promise<InclusionProofView> {
  const tenantId = requiredUuid(query, "tenant_id");
  const storeId = requiredUuid(query, "store_id");
  const batchId = optionalUuid(query, "batch_id");
  authorizeRead(scope, tenantId, storeId);
  const sequenceNumber = /^\d{1,16}$/.test(params.sequence_number!) ? Number(params.sequence_number) : 0;
  if (sequenceNumber < 1 || !Number.isSafeInteger(sequenceNumber)) {
    throw new CodedError("INVALID_FIELD_VALUE", "sequence_number must be a positive integer");
  }
  return commitments.proofs.prove({ tenantId, storeId, sequenceNumber }, batchId);
}

/** The proof with all an offline verifier needs beside the event. An event of somebody else's stream does not exist. */
async function proveEvent(
  { commitments, reader }: InclusionProofRoutesOptions,
  { params }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const eventId = pathId(params, "event_id");
  requireRead(scope);
  const entry = await reader.entryByEventId(eventId, scope.tenantId);
  if (entry === null || !canSee(scope, entry)) throw new CodedError("EVENT_NOT_FOUND", "Event not found");
  const proof = await commitments.proofs.prove(entry, null);
  const commitment = await commitments.directory.find(proof.batch_id, entry.tenantId);
  return jsonReply({ event_id: eventId, ...proof, commitment: commitmentView(commitment!) });
}

/** A proof as it is sent to be checked; each series calls the root by its own name. */
function proofShape(root: string) {
  return {
    leafHash: required(text(256), "leaf_hash"),
    root: required(text(256), root),
    proofPath: required(texts(PATH_ITEMS_MAX + 1, 256), "proof_path"),
    leafIndex: required(sequence, "leaf_index"),
    leafCount: optional(sequence, "leaf_count"),
  };
}

export interface SentProof {
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly leafIndex: number;
  readonly leafCount: number | null;
}

/** Answers `{valid, leaf_hash, <root>}` with the hashes as they were sent. */
export function checkProof(
  body: Uint8Array,
  scope: Scope,
  rootName: string,
  verify: (proof: SentProof) => boolean,
): HttpReply {
  if (!scope.canRead && !scope.canAdmin) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const { leafHash, root, proofPath, leafIndex, leafCount } = readBody(body, proofShape(rootName));
  if (proofPath.length > PATH_ITEMS_MAX) {
    throw new CodedError("INVALID_FIELD_VALUE", `proof_path exceeds maximum length of ${PATH_ITEMS_MAX}`);
  }
  const valid = verify({
    leafHash: hash(leafHash, "leaf_hash"),
    root: hash(root, rootName),
    path: proofPath.map((sibling, index) => hash(sibling, `proof_path/${index}`)),
    ...{ leafIndex, leafCount },
  });
  return jsonReply({ valid, leaf_hash: leafHash, [rootName]: root });
}

/** With `leaf_count` the tree's exact depth is demanded; without it only what the path itself bounds. No `0x` (§1.2). */
function verifyProof({ body }: HttpRequest, scope: Scope): HttpReply {
  return checkProof(body, scope, "merkle_root", ({ root: merkleRoot, leafCount, ...proof }) =>
    leafCount === null
      ? verifyMerklePath({ ...proof, merkleRoot })
      : verifyMerkleInclusion({ ...proof, merkleRoot, leafCount }),
  );
}

function hash(value: string, name: string): Uint8Array {
  const bytes = readHash(value);
  if (bytes !== null) return bytes;
  throw new CodedError("INVALID_FIELD_VALUE", `${name} must be 32 bytes of hex without a prefix`, {
    pointer: `/${name}`,
  });
}
