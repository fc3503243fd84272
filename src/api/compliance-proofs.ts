/** Compliance proof routes (PRF-02..09; bodies of wire-api A.9): proofs of one event under one policy. */
import { CodedError } from "../base/errors.js";
import { compliancePublicInputs } from "../proofs/public-inputs.js";
import { type ExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import type { LogEntry, LogReader } from "../store/contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { coversStore, coversTenant, requireRead, type Scope } from "../verify/scope.js";
import { jsonRoutes } from "./access.js";
import { readBody } from "./body.js";
import { pathId } from "./path-id.js";
import { checkPolicyId, POLICY_MEMBERS, parsePolicyParams, policyOf } from "./proof-body.js";
import { inputsReply, type ProofRoutesOptions, type ProofSubjects, proofRoutes } from "./proof-routes.js";
import { optionalText } from "./query.js";

export interface ComplianceProofRoutesOptions extends ProofRoutesOptions {
  readonly reader: LogReader;
}

const INPUTS = "/api/v1/ves/compliance/{event_id}/inputs";

export function complianceProofRoutes(options: ComplianceProofRoutesOptions): Route[] {
  const { get, post } = jsonRoutes(options.authenticator);
  const events = eventSubjects(options.reader);
  return [
    get(INPUTS, (request, { scope }) => inputs(events, request, policyOfQuery(request), scope)),
    post(INPUTS, (request, { scope }) =>
      inputs(events, request, policyOf(readBody(request.body, POLICY_MEMBERS)), scope),
    ),
    ...proofRoutes(options, events),
  ];
}

interface FoundEvent {
  readonly id: Parameters<LogReader["entryByEventId"]>[0];
  readonly entry: LogEntry;
}

function eventSubjects(reader: LogReader): ProofSubjects<FoundEvent> {
  return {
    kind: "compliance",
    idName: "event_id",
    async find(id, scope) {
      const entry = await reader.entryByEventId(id, scope.tenantId);
      if (entry !== null && coversTenant(scope, entry.tenantId) && coversStore(scope, entry.storeId)) {
        return { id, entry };
      }
      throw new CodedError("EVENT_NOT_FOUND", "Event not found");
    },
    authorizeSubmit(scope) {
      if (!scope.canWrite) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Write permission required");
    },
    subjectOf({ id, entry }, submission) {
      const { policyId, policyParams } = submission.policy!;
      const { tenantId, storeId } = entry;
      const publicInputs = compliancePublicInputs(entry, policyId, policyParams);
      return { kind: "compliance", id, tenantId, storeId, publicInputs };
    },
    canonicalInputs({ entry }, stored) {
      const { policyId, policyParams } = stored.policy!;
      return compliancePublicInputs(entry, policyId, parseExactJson(policyParams) as ExactJsonObject);
    },
  };
}

type GivenPolicy = ReturnType<typeof policyOf>;

/** `?policy_id&policy_params`, the latter JSON text. */
function policyOfQuery({ query }: HttpRequest): GivenPolicy {
  const policyId = optionalText(query, "policy_id") ?? optionalText(query, "policyId");
  if (policyId === null) throw new CodedError("MISSING_REQUIRED_FIELD", "query parameter policy_id is required");
  const policyParams = optionalText(query, "policy_params") ?? optionalText(query, "policyParams");
  return { policyId: checkPolicyId(policyId), policyParams: parsePolicyParams(policyParams ?? "{}") };
}

async function inputs(
  events: ProofSubjects<FoundEvent>,
  { params }: HttpRequest,
  { policyId, policyParams }: GivenPolicy,
  scope: Scope,
): Promise<HttpReply> {
  requireRead(scope);
  const { id, entry } = await events.find(pathId(params, "event_id"), scope);
  return inputsReply("event_id", id, compliancePublicInputs(entry, policyId, policyParams));
}
