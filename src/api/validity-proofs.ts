/** Validity proof routes (PRF-01, PRF-03..09; bodies of wire-api A.8). What a credential may not see does not exist for it. */
import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { type ProofRegistry, publicInputsHash } from "../proofs/proof-registry.js";
import { checkView, proofView } from "../proofs/proof-view.js";
import { validityPublicInputs } from "../proofs/public-inputs.js";
import type { Commitment, CommitmentReader } from "../store/commitment-contract.js";
import type { StoredProof } from "../store/proof-contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { coversStore, coversTenant, type Scope } from "../verify/scope.js";
import { type AuthenticatedHandler, authenticated } from "./access.js";
import { optional, readBody, required, uuid } from "./body.js";
import { checkProofType, checkProofVersion, decodeProof, losslessObject, PROOF_MEMBERS } from "./proof-body.js";
import { losslessReply } from "./reply.js";

export interface ValidityProofRoutesOptions {
  readonly authenticator: Authenticator;
  readonly reader: CommitmentReader;
  readonly proofs: ProofRegistry;
}

const BASE = "/api/v1/ves/validity";

export function validityProofRoutes(options: ValidityProofRoutesOptions): Route[] {
  const get = (path: string, handle: AuthenticatedHandler) =>
    authenticated(options.authenticator, { method: "GET", path }, handle);
  const post = (path: string, handle: AuthenticatedHandler) =>
    authenticated(options.authenticator, { method: "POST", path, body: "json" }, handle);
  return [
    get(`${BASE}/{batch_id}/inputs`, (request, { scope }) => inputs(options, request, scope)),
    get(`${BASE}/{batch_id}/proofs`, (request, { scope }) => list(options, request, scope)),
    post(`${BASE}/{batch_id}/proofs`, (request, { scope }) => submitByPath(options, request, scope)),
    post("/api/v1/ves/validity-proofs", (request, { scope }) => submitByBody(options, request, scope)),
    get(`${BASE}/proofs/{proof_id}`, (request, { scope }) => show(options, request, scope)),
    get(`${BASE}/proofs/{proof_id}/verify`, (request, { scope }) => verify(options, request, scope)),
  ];
}

async function inputs({ reader }: ValidityProofRoutesOptions, { params }: HttpRequest, scope: Scope) {
  const commitment = await readableCommitment(reader, batchIdOf(params), scope);
  const publicInputs = validityPublicInputs(commitment);
  return losslessReply({
    batch_id: commitment.batchId,
    public_inputs: publicInputs,
    public_inputs_hash: publicInputsHash(publicInputs),
  });
}

/** `batchPublicInputs`: of a STARK, the public inputs of its batch file; a commitment does not determine them. */
const SUBMISSION = {
  ...PROOF_MEMBERS,
  batchPublicInputs: optional(losslessObject, "batchPublicInputs", "batch_public_inputs"),
};

function submitByPath(options: ValidityProofRoutesOptions, { params, body }: HttpRequest, scope: Scope) {
  const batchId = batchIdOf(params);
  return submit(options, batchId, readBody(body, SUBMISSION), scope);
}

/** The older spelling: `batchId` in the body. */
function submitByBody(options: ValidityProofRoutesOptions, { body }: HttpRequest, scope: Scope) {
  const { batchId, ...given } = readBody(body, { ...SUBMISSION, batchId: required(uuid, "batchId", "batch_id") });
  return submit(options, batchId, given, scope);
}

async function submit(
  { reader, proofs }: ValidityProofRoutesOptions,
  batchId: Uuid,
  given: ReturnType<typeof readBody<typeof SUBMISSION>>,
  scope: Scope,
): Promise<HttpReply> {
  if (!scope.canAdmin) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Admin permission required");
  const commitment = await reader.commitment(batchId);
  if (commitment === null || !covers(scope, commitment)) throw noCommitment();
  const { tenantId, storeId } = commitment;
  const stored = await proofs.submit(
    { kind: "validity", id: batchId, tenantId, storeId, publicInputs: validityPublicInputs(commitment) },
    {
      proofType: checkProofType(given.proofType),
      proofVersion: checkProofVersion(given.proofVersion),
      proof: decodeProof(given.proofB64),
      policy: null,
      witnessCommitment: null,
      batchInputs: given.batchPublicInputs,
      publicInputs: given.publicInputs,
    },
  );
  return losslessReply(proofView(stored));
}

/** Oldest first. */
async function list({ reader, proofs }: ValidityProofRoutesOptions, { params }: HttpRequest, scope: Scope) {
  const { batchId } = await readableCommitment(reader, batchIdOf(params), scope);
  const found = await proofs.reader.proofs("validity", batchId);
  return losslessReply({
    batch_id: batchId,
    proofs: found.map((stored) => proofView(stored)),
    count: BigInt(found.length),
  });
}

async function show({ proofs }: ValidityProofRoutesOptions, { params }: HttpRequest, scope: Scope) {
  const stored = await readableProof(proofs, params, scope);
  return losslessReply(proofView(stored, await proofs.reader.proofBytes("validity", stored.proofId)));
}

async function verify({ reader, proofs }: ValidityProofRoutesOptions, { params }: HttpRequest, scope: Scope) {
  const stored = await readableProof(proofs, params, scope);
  const commitment = await readableCommitment(reader, stored.subjectId, scope);
  return losslessReply(checkView(stored, await proofs.check(stored, validityPublicInputs(commitment))));
}

async function readableCommitment(reader: CommitmentReader, batchId: Uuid, scope: Scope): Promise<Commitment> {
  if (!scope.canRead) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const commitment = await reader.commitment(batchId);
  if (commitment === null || !covers(scope, commitment)) throw noCommitment();
  return commitment;
}

async function readableProof(
  { reader }: ProofRegistry,
  params: HttpRequest["params"],
  scope: Scope,
): Promise<StoredProof> {
  const proofId = parseUuid(params.proof_id!);
  if (proofId === null) throw new CodedError("INVALID_FIELD_VALUE", "proof_id must be a UUID");
  if (!scope.canRead) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const stored = await reader.proof("validity", proofId);
  if (stored !== null && covers(scope, stored)) return stored;
  throw new CodedError("RESOURCE_NOT_FOUND", "Validity proof not found");
}

function covers(scope: Scope, { tenantId, storeId }: Pick<Commitment, "tenantId" | "storeId">): boolean {
  return coversTenant(scope, tenantId) && coversStore(scope, storeId);
}

function batchIdOf(params: HttpRequest["params"]): Uuid {
  const batchId = parseUuid(params.batch_id!);
  if (batchId === null) throw new CodedError("INVALID_FIELD_VALUE", "batch_id must be a UUID");
  return batchId;
}

function noCommitment(): CodedError {
  return new CodedError("BATCH_NOT_FOUND", "Commitment not found");
}
