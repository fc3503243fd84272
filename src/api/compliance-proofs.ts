/** Compliance proof routes (PRF-02..09; bodies of wire-api A.9). An event a credential may not see does not exist for it. */
import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { type ProofRegistry, publicInputsHash } from "../proofs/proof-registry.js";
import { checkView, proofView } from "../proofs/proof-view.js";
import { compliancePublicInputs } from "../proofs/public-inputs.js";
import { type JsonObject, parseJson } from "../stark/canonical-json.js";
import type { LogEntry, LogReader } from "../store/contract.js";
import type { StoredProof } from "../store/proof-contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { coversStore, coversTenant, type Scope } from "../verify/scope.js";
import { type AuthenticatedHandler, authenticated } from "./access.js";
import { readBody, required, uuid } from "./body.js";
import { canSee } from "./entry-filter.js";
import {
  checkPolicyId,
  checkProofType,
  checkProofVersion,
  checkWitnessCommitment,
  decodeProof,
  POLICY_MEMBERS,
  PROOF_MEMBERS,
  parsePolicyParams,
  WITNESS_MEMBERS,
} from "./proof-body.js";
import { optionalText } from "./query.js";
import { losslessReply } from "./reply.js";

export interface ComplianceProofRoutesOptions {
  readonly authenticator: Authenticator;
  readonly reader: LogReader;
  readonly proofs: ProofRegistry;
}

const BASE = "/api/v1/ves/compliance";

export function complianceProofRoutes(options: ComplianceProofRoutesOptions): Route[] {
  const get = (path: string, handle: AuthenticatedHandler) =>
    authenticated(options.authenticator, { method: "GET", path }, handle);
  const post = (path: string, handle: AuthenticatedHandler) =>
    authenticated(options.authenticator, { method: "POST", path, body: "json" }, handle);
  return [
    get(`${BASE}/{event_id}/inputs`, (request, { scope }) => inputsByQuery(options, request, scope)),
    post(`${BASE}/{event_id}/inputs`, (request, { scope }) => inputsByBody(options, request, scope)),
    get(`${BASE}/{event_id}/proofs`, (request, { scope }) => list(options, request, scope)),
    post(`${BASE}/{event_id}/proofs`, (request, { scope }) => submitByPath(options, request, scope)),
    post("/api/v1/ves/compliance-proofs", (request, { scope }) => submitByBody(options, request, scope)),
    get(`${BASE}/proofs/{proof_id}`, (request, { scope }) => show(options, request, scope)),
    get(`${BASE}/proofs/{proof_id}/verify`, (request, { scope }) => verify(options, request, scope)),
  ];
}

/** `?policy_id&policy_params`, the latter JSON text. */
async function inputsByQuery(
  { reader }: ComplianceProofRoutesOptions,
  { params, query }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const policyId = optionalText(query, "policy_id") ?? optionalText(query, "policyId");
  if (policyId === null) throw new CodedError("MISSING_REQUIRED_FIELD", "query parameter policy_id is required");
  const policyParams = optionalText(query, "policy_params") ?? optionalText(query, "policyParams");
  const policy = { policyId: checkPolicyId(policyId), policyParams: parsePolicyParams(policyParams ?? "{}") };
  return inputsReply(await readableEvent(reader, eventIdOf(params), scope), policy);
}

async function inputsByBody(
  { reader }: ComplianceProofRoutesOptions,
  { params, body }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const { policyId, policyParams } = readBody(body, POLICY_MEMBERS);
  const policy = { policyId: checkPolicyId(policyId), policyParams: policyParams ?? {} };
  return inputsReply(await readableEvent(reader, eventIdOf(params), scope), policy);
}

interface GivenPolicy {
  readonly policyId: string;
  readonly policyParams: JsonObject;
}

function inputsReply({ entry, eventId }: FoundEvent, { policyId, policyParams }: GivenPolicy): HttpReply {
  const inputs = compliancePublicInputs(entry, policyId, policyParams);
  return losslessReply({ event_id: eventId, public_inputs: inputs, public_inputs_hash: publicInputsHash(inputs) });
}

const SUBMISSION = { ...PROOF_MEMBERS, ...POLICY_MEMBERS, ...WITNESS_MEMBERS };

function submitByPath(
  options: ComplianceProofRoutesOptions,
  { params, body }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const eventId = eventIdOf(params);
  return submit(options, eventId, readBody(body, SUBMISSION), scope);
}

/** The older spelling: `eventId` in the body. */
function submitByBody(options: ComplianceProofRoutesOptions, { body }: HttpRequest, scope: Scope): Promise<HttpReply> {
  const { eventId, ...given } = readBody(body, { ...SUBMISSION, eventId: required(uuid, "eventId", "event_id") });
  return submit(options, eventId, given, scope);
}

async function submit(
  { reader, proofs }: ComplianceProofRoutesOptions,
  eventId: Uuid,
  given: ReturnType<typeof readBody<typeof SUBMISSION>>,
  scope: Scope,
): Promise<HttpReply> {
  if (!scope.canWrite) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Write permission required");
  const entry = await reader.entryByEventId(eventId);
  if (entry === null || !coversTenant(scope, entry.tenantId) || !coversStore(scope, entry.storeId)) throw noEvent();
  const policy = { policyId: checkPolicyId(given.policyId), policyParams: given.policyParams ?? {} };
  const { tenantId, storeId } = entry;
  const publicInputs = compliancePublicInputs(entry, policy.policyId, policy.policyParams);
  const stored = await proofs.submit(
    { kind: "compliance", id: eventId, tenantId, storeId, publicInputs },
    {
      proofType: checkProofType(given.proofType),
      proofVersion: checkProofVersion(given.proofVersion),
      proof: decodeProof(given.proofB64),
      policy,
      witnessCommitment: checkWitnessCommitment(given.witnessCommitment),
      batchInputs: null,
      publicInputs: given.publicInputs,
    },
  );
  return losslessReply(proofView(stored));
}

/** Oldest first. */
async function list(
  { reader, proofs }: ComplianceProofRoutesOptions,
  { params }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const { eventId } = await readableEvent(reader, eventIdOf(params), scope);
  const found = await proofs.reader.proofs("compliance", eventId);
  return losslessReply({
    event_id: eventId,
    proofs: found.map((stored) => proofView(stored)),
    count: BigInt(found.length),
  });
}

async function show(
  { proofs }: ComplianceProofRoutesOptions,
  { params }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const stored = await readableProof(proofs, params, scope);
  return losslessReply(proofView(stored, await proofs.reader.proofBytes("compliance", stored.proofId)));
}

async function verify(
  { reader, proofs }: ComplianceProofRoutesOptions,
  { params }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const stored = await readableProof(proofs, params, scope);
  const { entry } = await readableEvent(reader, stored.subjectId, scope);
  const { policyId, policyParams } = stored.policy!;
  const inputs = compliancePublicInputs(entry, policyId, parseJson(policyParams) as JsonObject);
  return losslessReply(checkView(stored, await proofs.check(stored, inputs)));
}

interface FoundEvent {
  readonly eventId: Uuid;
  readonly entry: LogEntry;
}

async function readableEvent(reader: LogReader, eventId: Uuid, scope: Scope): Promise<FoundEvent> {
  if (!scope.canRead) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const entry = await reader.entryByEventId(eventId);
  if (entry === null || !canSee(scope, entry)) throw noEvent();
  return { eventId, entry };
}

async function readableProof(
  { reader }: ProofRegistry,
  params: HttpRequest["params"],
  scope: Scope,
): Promise<StoredProof> {
  const proofId = parseUuid(params.proof_id!);
  if (proofId === null) throw new CodedError("INVALID_FIELD_VALUE", "proof_id must be a UUID");
  if (!scope.canRead) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Read permission required");
  const stored = await reader.proof("compliance", proofId);
  if (stored !== null && coversTenant(scope, stored.tenantId) && coversStore(scope, stored.storeId)) return stored;
  throw new CodedError("RESOURCE_NOT_FOUND", "Compliance proof not found");
}

function eventIdOf(params: HttpRequest["params"]): Uuid {
  const eventId = parseUuid(params.event_id!);
  if (eventId === null) throw new CodedError("INVALID_FIELD_VALUE", "event_id must be a UUID");
  return eventId;
}

function noEvent(): CodedError {
  return new CodedError("EVENT_NOT_FOUND", "Event not found");
}
