/**
 * Verification of one request, as a worker runs it: parse, judge, hash; the signatures of many are checked together
 * (`check-signatures.ts`). Pure but for the clock, which is an argument. Stored state is not looked at: that is the lane's.
 */
import { CodedError } from "../base/errors.js";
import { type Uuid, uuidToBytes } from "../base/ids.js";
import type { Ed25519 } from "../protocol/ed25519.js";
import { eventSigningHash } from "../protocol/event-signing.js";
import { type AgentKey, type AgentKeyRef, KEY_PURPOSE_SIGNING } from "../store/contract.js";
import { checkContent, checkKey, checkSchema, checkScheme, type EventRules } from "./check-event.js";
import { checkSignatures, type JudgedRequest } from "./check-signatures.js";
import { envelopeAround, envelopeJson } from "./envelope-json.js";
import { type IngestBody, type IngestEvent, type IngestLimits, readIngestBody } from "./ingest-body.js";
import type { Scope } from "./scope.js";
import type { VerifiedRequest } from "./verified-request.js";

export interface JudgeContext {
  readonly limits: IngestLimits;
  readonly rules: EventRules;
  readonly nowMs: number;
  /** Revocation epoch that `findKey` answers for, or one before it. */
  readonly keyEpoch: number;
  /** Null = there is no such key. Undefined = this worker does not know. */
  findKey(ref: AgentKeyRef): AgentKey | null | undefined;
}

export type IngestForm = "ves" | "legacy";

export interface IngestRequest {
  /** Which route took the body. */
  readonly form: IngestForm;
  readonly requestId: number;
  readonly batchId: Uuid;
  readonly scope: Scope;
  /** The API key that vouches for legacy events, by its hash; null = nothing that can be revoked, or the events are signed. */
  readonly by: string | null;
  readonly body: Uint8Array;
}

export type JudgeOutcome =
  /** Everything but its signatures. */
  | { readonly kind: "judged"; readonly request: JudgedRequest }
  | { readonly kind: "refused"; readonly error: CodedError }
  /** Nothing was decided: ask again with these keys. */
  | { readonly kind: "keys_missing"; readonly refs: readonly AgentKeyRef[] };

export type VerifyOutcome =
  | Exclude<JudgeOutcome, { readonly kind: "judged" }>
  | { readonly kind: "verified"; readonly request: VerifiedRequest };

/** One request by itself, as `BatchVerifier` does with all of a task. */
export function verifyRequest(
  request: Omit<IngestRequest, "form" | "by">,
  context: JudgeContext & { readonly ed25519: Ed25519 },
): VerifyOutcome {
  const outcome = judgeRequest(request, context);
  if (outcome.kind !== "judged") return outcome;
  const [verified] = checkSignatures([outcome.request], context.ed25519);
  return { kind: "verified", request: verified! };
}

export function judgeRequest(request: Omit<IngestRequest, "form" | "by">, context: JudgeContext): JudgeOutcome {
  let body: IngestBody;
  try {
    body = readIngestBody(request.body, request.scope, context.limits);
  } catch (error) {
    if (error instanceof CodedError) return { kind: "refused", error };
    throw error;
  }
  const keys = keysOf(body, context);
  const refs = missingKeys(body, keys);
  if (refs.length > 0) return { kind: "keys_missing", refs };
  const { tenantId, storeId, agentId } = body;
  const { requestId, batchId } = request;
  const events = judgeEvents(body, keys, context);
  return {
    kind: "judged",
    request: { requestId, batchId, tenantId, storeId, agentId, keyEpoch: context.keyEpoch, events },
  };
}

type JudgedEvent = JudgedRequest["events"][number];

/** Keys of one request by their ids, each looked up once. */
type RequestKeys = ReadonlyMap<number, AgentKey | null | undefined>;

function keysOf(body: IngestBody, context: JudgeContext): RequestKeys {
  const keys = new Map<number, AgentKey | null | undefined>();
  for (const { fields } of body.events) {
    const { agentKeyId } = fields;
    if (!keys.has(agentKeyId)) keys.set(agentKeyId, context.findKey(keyRef(body, agentKeyId)));
  }
  return keys;
}

/**
 * Every key the request names as soon as one of them is unknown, else none. Asked for together because the answer comes
 * to any worker, and what this one knows may be unknown there or have left its cache by then.
 */
function missingKeys(body: IngestBody, keys: RequestKeys): AgentKeyRef[] {
  if (![...keys.values()].includes(undefined)) return [];
  return [...keys.keys()].map((keyId) => keyRef(body, keyId));
}

function keyRef(body: IngestBody, keyId: number): AgentKeyRef {
  return { tenantId: body.tenantId, agentId: body.agentId, purpose: KEY_PURPOSE_SIGNING, keyId };
}

function judgeEvents(body: IngestBody, keys: RequestKeys, context: JudgeContext): JudgedEvent[] {
  const seen = new Set<Uuid>();
  return body.events.map((event) => {
    const { eventId } = event.fields;
    // First of all: an event without a schema does not make a later one of the same id a duplicate (ves-protocol §5.1).
    const unregistered = checkSchema(event.fields, context.rules);
    if (unregistered !== null) {
      return { stage: "refused", eventId: uuidToBytes(eventId), repeated: false, ...unregistered };
    }
    if (seen.has(eventId)) {
      return {
        stage: "refused",
        eventId: uuidToBytes(eventId),
        repeated: true,
        reason: "duplicate_event_id",
        message: `Event ${eventId} duplicated in batch`,
      };
    }
    seen.add(eventId);
    return judgeEvent(event, body.bytes, keys, context);
  });
}

function judgeEvent(event: IngestEvent, body: Uint8Array, keys: RequestKeys, context: JudgeContext): JudgedEvent {
  const { fields } = event;
  const eventId = uuidToBytes(fields.eventId);
  const badContent = checkContent(event, context.rules, context.nowMs);
  if (badContent !== null) return { stage: "refused", eventId, repeated: false, ...badContent };

  const { place } = fields;
  const { payloadText } = event;
  const envelope = place === null ? envelopeJson(fields, payloadText) : envelopeAround(body, place, payloadText);
  const key = keys.get(fields.agentKeyId) ?? null;
  const badKey = checkKey(key, context.nowMs);
  if (key === null || badKey !== null) return { stage: "unproven", eventId, envelope, ...badKey! };

  const badScheme = checkScheme(fields);
  if (badScheme !== null) return { stage: "refused", eventId, repeated: false, ...badScheme };
  const { agentSignature: signature } = fields;
  const { publicKey } = key;
  return { stage: "signed", signature, message: eventSigningHash(fields), publicKey, eventId, fields, envelope };
}
