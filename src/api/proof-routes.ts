/**
 * The routes that proofs of events and proofs of commitments share: submit, list, show, verify (wire-api A.8, A.9). What a
 * credential may not see does not exist for it.
 */
import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import { type ProofRegistry, publicInputsHash, type Subject } from "../proofs/proof-registry.js";
import type { ProofSubmission, SubmissionForm } from "../proofs/proof-submission.js";
import { checkView, proofView } from "../proofs/proof-view.js";
import type { ExactJsonObject } from "../stark/exact-json.js";
import type { ProofKind, StoredProof } from "../store/proof-contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { coversStore, coversTenant, requireRead, type Scope } from "../verify/scope.js";
import { jsonRoutes } from "./access.js";
import { pathId } from "./path-id.js";
import { exactJsonReply } from "./reply.js";

/** What proofs are of: `S` is an event or a commitment as the store knows it. */
export interface ProofSubjects<S> {
  readonly kind: ProofKind;
  /** Of a path and of an answer's members. */
  readonly idName: "event_id" | "batch_id";
  /** Rejects with the code of "there is none" also where the scope does not cover it. */
  find(id: Uuid, scope: Scope): Promise<S>;
  /** Throws INSUFFICIENT_PERMISSIONS. */
  authorizeSubmit(scope: Scope): void;
  subjectOf(found: S, submission: ProofSubmission): Subject;
  /** What a stored proof must be of, from rows alone. */
  canonicalInputs(found: S, stored: StoredProof): ExactJsonObject;
}

export interface ProofRoutesOptions {
  readonly authenticator: Authenticator;
  readonly proofs: ProofRegistry;
}

export function proofRoutes<S>({ authenticator, proofs }: ProofRoutesOptions, subjects: ProofSubjects<S>): Route[] {
  const { kind, idName } = subjects;
  const { get, post } = jsonRoutes(authenticator);
  const base = `/api/v1/ves/${kind}`;
  const submit = (namesSubject: boolean) => (request: HttpRequest, principal: { readonly scope: Scope }) =>
    submitProof(proofs, subjects, { kind, namesSubject }, request, principal.scope);
  return [
    get(`${base}/{${idName}}/proofs`, (request, { scope }) => listProofs(proofs, subjects, request, scope)),
    post(`${base}/{${idName}}/proofs`, submit(false)),
    // The older spelling: the subject's id in the body.
    post(`/api/v1/ves/${kind}-proofs`, submit(true)),
    get(`${base}/proofs/{proof_id}`, async ({ params }, { scope }) => {
      const stored = await readableProof(proofs, kind, params, scope);
      return exactJsonReply(proofView(stored, await proofs.reader.proofBytes(stored)));
    }),
    get(`${base}/proofs/{proof_id}/verify`, async ({ params }, { scope }) => {
      const stored = await readableProof(proofs, kind, params, scope);
      const inputs = subjects.canonicalInputs(await subjects.find(stored.subjectId, scope), stored);
      return exactJsonReply(checkView(stored, await proofs.check(stored, inputs)));
    }),
  ];
}

/** The answer of an `inputs` route. */
export function inputsReply(idName: string, id: Uuid, publicInputs: ExactJsonObject): HttpReply {
  return exactJsonReply({
    [idName]: id,
    public_inputs: publicInputs,
    public_inputs_hash: publicInputsHash(publicInputs),
  });
}

/** Rights are looked at before the body: reading it is the larger part of the work. */
async function submitProof<S>(
  proofs: ProofRegistry,
  subjects: ProofSubjects<S>,
  form: SubmissionForm,
  { params, body }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  subjects.authorizeSubmit(scope);
  const ofPath = form.namesSubject ? null : await subjects.find(pathId(params, subjects.idName), scope);
  const stored = await proofs.submit(form, body, async (submission) => {
    const found = ofPath ?? (await subjects.find(submission.subjectId!, scope));
    return subjects.subjectOf(found, submission);
  });
  return exactJsonReply(proofView(stored));
}

/** Oldest first. */
async function listProofs<S>(
  { reader }: ProofRegistry,
  { kind, idName, find }: ProofSubjects<S>,
  { params }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  requireRead(scope);
  const id = pathId(params, idName);
  await find(id, scope);
  const found = await reader.proofs(kind, id, scope.tenantId);
  const views = found.map((stored) => proofView(stored));
  return exactJsonReply({ [idName]: id, proofs: views, count: BigInt(found.length) });
}

async function readableProof(
  { reader }: ProofRegistry,
  kind: ProofKind,
  params: HttpRequest["params"],
  scope: Scope,
): Promise<StoredProof> {
  const proofId = pathId(params, "proof_id");
  requireRead(scope);
  const stored = await reader.proof(kind, proofId, scope.tenantId);
  if (stored !== null && coversTenant(scope, stored.tenantId) && coversStore(scope, stored.storeId)) return stored;
  const name = kind === "compliance" ? "Compliance proof" : "Validity proof";
  throw new CodedError("RESOURCE_NOT_FOUND", `${name} not found`);
}
