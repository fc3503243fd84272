/**
 * Verification of one request, as a worker runs it: parse, judge, hash, check signatures. Pure but for the clock, which is
 * an argument. Stored state is not looked at: that is the lane's.
 */
import { CodedError } from "../base/errors.js";
import { type Uuid, uuidToBytes } from "../base/ids.js";
import type { Ed25519 } from "../protocol/ed25519.js";
import { eventSigningHash } from "../protocol/event-signing.js";
import { type AgentKey, type AgentKeyRef, KEY_PURPOSE_SIGNING } from "../store/contract.js";
import { checkContent, checkKey, checkSchema, checkSignature, type EventRules } from "./check-event.js";
import { envelopeAround, envelopeJson } from "./envelope-json.js";
import { type IngestBody, type IngestEvent, type IngestLimits, readIngestBody } from "./ingest-body.js";
import type { Scope } from "./scope.js";
import type { CheckedEvent, VerifiedRequest } from "./verified-request.js";

export interface VerifyContext {
  readonly limits: IngestLimits;
  readonly rules: EventRules;
  readonly ed25519: Ed25519;
  readonly nowMs: number;
  /** Revocation epoch that `findKey` answers for. */
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
  readonly body: Uint8Array;
}

export type VerifyOutcome =
  | { readonly kind: "verified"; readonly request: VerifiedRequest }
  | { readonly kind: "refused"; readonly error: CodedError }
  /** Nothing was decided: ask again with these keys. */
  | { readonly kind: "keys_missing"; readonly refs: readonly AgentKeyRef[] };

export function verifyRequest(request: Omit<IngestRequest, "form">, context: VerifyContext): VerifyOutcome {
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
  const events = checkEvents(body, keys, context);
  return {
    kind: "verified",
    request: { requestId, batchId, tenantId, storeId, agentId, keyEpoch: context.keyEpoch, events },
  };
}

/** Keys of one request by their ids, each looked up once. */
type RequestKeys = ReadonlyMap<number, AgentKey | null | undefined>;

function keysOf(body: IngestBody, context: VerifyContext): RequestKeys {
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

function checkEvents(body: IngestBody, keys: RequestKeys, context: VerifyContext): CheckedEvent[] {
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
    return checkEvent(event, body.bytes, keys, context);
  });
}

function checkEvent(event: IngestEvent, body: Uint8Array, keys: RequestKeys, context: VerifyContext): CheckedEvent {
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

  const signingHash = eventSigningHash(fields);
  const badSignature = checkSignature(fields, signingHash, key, context.ed25519);
  if (badSignature !== null) return { stage: "refused", eventId, repeated: false, ...badSignature };
  return {
    stage: "verified",
    eventId,
    agentKeyId: fields.agentKeyId,
    entityType: fields.entityType,
    entityId: fields.entityId,
    eventType: fields.eventType,
    commandId: fields.commandId === null ? null : uuidToBytes(fields.commandId),
    baseVersion: fields.baseVersion,
    signingHash,
    agentSignature: fields.agentSignature,
    envelope,
  };
}
