/**
 * The stage between a legacy body and the lane. Nothing about a legacy event is signed: the credential that sent it vouches
 * for it, so only `checkLegacyRequest`, which asks the credential, makes these. They cross threads packed, as verified
 * requests do.
 */
import { bytesEqual, toHex } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import { NIL_UUID, type Uuid, uuidToBytes } from "../base/ids.js";
import { PackReader, type PackWriter } from "../base/pack.js";
import { legacyEventHash, legacyPayloadHash } from "../protocol/legacy-event.js";
import { parseRfc3339 } from "../protocol/rfc3339.js";
import { disallowed, type EventRules, untimeliness } from "./check-event.js";
import type { IngestLimits } from "./ingest-body.js";
import { type LegacyFields, readLegacyBody } from "./legacy-body.js";
import type { Rejection } from "./verified-request.js";
import type { IngestRequest } from "./verify-request.js";

export interface AdmittedLegacyEvent {
  readonly stage: "admitted";
  readonly eventId: Uint8Array;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  readonly commandId: Uint8Array | null;
  /** Decimal text: the client may send any u64. */
  readonly baseVersion: string | null;
  readonly payloadHash: Uint8Array;
  /** False = the claimed hash is another one: rejected, but only if its id is not taken. */
  readonly isPayloadIntact: boolean;
  /** See `legacyEventHash`. */
  readonly eventHash: Uint8Array;
  /** JSON text as it is stored and sent, UTF-8. */
  readonly envelope: Uint8Array;
}

export interface RefusedLegacyEvent extends Rejection {
  readonly stage: "refused";
  readonly eventId: Uint8Array;
}

export interface LegacyRequest {
  readonly requestId: number;
  readonly batchId: Uuid;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** See `IngestRequest.by`. */
  readonly by: string | null;
  /** Refused by a schema or a rule first, whatever their place: so they are reported. */
  readonly events: readonly (AdmittedLegacyEvent | RefusedLegacyEvent)[];
}

export type LegacyOutcome =
  | { readonly kind: "admitted"; readonly request: LegacyRequest }
  | { readonly kind: "refused"; readonly error: CodedError };

export interface LegacyContext {
  readonly limits: IngestLimits;
  readonly rules: EventRules;
  readonly nowMs: number;
}

export function checkLegacyRequest(request: IngestRequest, context: LegacyContext): LegacyOutcome {
  try {
    const { events } = readLegacyBody(request.body, request.scope, context.limits);
    const { tenantId, storeId } = events[0] ?? { tenantId: NIL_UUID, storeId: NIL_UUID };
    const { requestId, batchId, by } = request;
    return {
      kind: "admitted",
      request: { requestId, batchId, tenantId, storeId, by, events: checkEvents(events, context) },
    };
  } catch (error) {
    if (error instanceof CodedError) return { kind: "refused", error };
    throw error;
  }
}

function checkEvents(events: readonly LegacyFields[], { rules, nowMs }: LegacyContext): LegacyRequest["events"] {
  const refused: RefusedLegacyEvent[] = [];
  const judged: (AdmittedLegacyEvent | RefusedLegacyEvent)[] = [];
  const seen = new Set<Uuid>();
  for (const fields of events) {
    const eventId = uuidToBytes(fields.eventId);
    const fault = schemaFault(fields, rules, nowMs);
    if (fault !== null) refused.push({ stage: "refused", eventId, reason: "SchemaValidation", message: fault });
    else if (seen.has(fields.eventId)) {
      const message = `Event ${fields.eventId} duplicated in batch`;
      judged.push({ stage: "refused", eventId, reason: "DuplicateEventId", message });
    } else {
      seen.add(fields.eventId);
      judged.push(admit(fields, eventId));
    }
  }
  return [...refused, ...judged];
}

function schemaFault(fields: LegacyFields, rules: EventRules, nowMs: number): string | null {
  if (rules.isSchemaRequired) return `No schema registered for event type '${fields.eventType}'`;
  return disallowed(fields.entityType, rules) ?? untimeliness(parseRfc3339(fields.createdAt)!, rules, nowMs);
}

function admit(fields: LegacyFields, eventId: Uint8Array): AdmittedLegacyEvent {
  const { entityType, entityId, eventType, commandId, baseVersion, payloadHash } = fields;
  const envelope = Buffer.from(legacyEnvelopeJson(fields), "utf8");
  return {
    ...{ stage: "admitted", eventId, entityType, entityId, eventType, baseVersion, payloadHash, envelope },
    commandId: commandId === null ? null : uuidToBytes(commandId),
    isPayloadIntact: bytesEqual(payloadHash, legacyPayloadHash(fields.payloadText)),
    eventHash: legacyEventHash(fields),
  };
}

/** The envelope as it is stored and sent (wire-api A.5), but for its number: fixed member order, absent members left out. */
function legacyEnvelopeJson(event: LegacyFields): string {
  let text = `{"envelope_version":1,"event_id":"${event.eventId}"`;
  if (event.commandId !== null) text += `,"command_id":"${event.commandId}"`;
  text +=
    `,"tenant_id":"${event.tenantId}","store_id":"${event.storeId}",` +
    `"entity_type":${JSON.stringify(event.entityType)},"entity_id":${JSON.stringify(event.entityId)},` +
    `"event_type":${JSON.stringify(event.eventType)},"payload":${event.payloadText},` +
    `"payload_hash":"${toHex(event.payloadHash)}"`;
  if (event.baseVersion !== null) text += `,"base_version":${event.baseVersion}`;
  text += `,"created_at":"${event.createdAt}","source_agent":"${event.sourceAgentId}"`;
  if (event.signature !== null) text += `,"signature":[${event.signature.join(",")}]`;
  return `${text}}`;
}

const ADMITTED = 1;
const REFUSED = 2;
const NONE = new Uint8Array(0);

export function packLegacyRequest(writer: PackWriter, request: LegacyRequest): void {
  writer.u32(request.requestId).text(request.batchId).text(request.tenantId).text(request.storeId);
  writer.text(request.by ?? "");
  writer.u32(request.events.length);
  for (const event of request.events) {
    if (event.stage === "refused") {
      writer.u8(REFUSED).raw(event.eventId).text(event.reason).text(event.message);
      continue;
    }
    writer.u8(ADMITTED).raw(event.eventId).text(event.entityType).text(event.entityId).text(event.eventType);
    writer.bytes(event.commandId ?? NONE).text(event.baseVersion ?? "");
    writer.raw(event.payloadHash).u8(Number(event.isPayloadIntact)).raw(event.eventHash).bytes(event.envelope);
  }
}

export function unpackLegacyRequests(packed: Uint8Array): LegacyRequest[] {
  const reader = new PackReader(packed);
  const requests: LegacyRequest[] = [];
  while (!reader.done) {
    requests.push({
      requestId: reader.u32(),
      batchId: reader.text() as Uuid,
      tenantId: reader.text() as Uuid,
      storeId: reader.text() as Uuid,
      by: reader.text() || null,
      events: Array.from({ length: reader.u32() }, () => unpackEvent(reader)),
    });
  }
  return requests;
}

function unpackEvent(reader: PackReader): AdmittedLegacyEvent | RefusedLegacyEvent {
  const tag = reader.u8();
  const eventId = reader.raw(16);
  if (tag === REFUSED) return { stage: "refused", eventId, reason: reader.text(), message: reader.text() };
  return {
    stage: "admitted",
    eventId,
    entityType: reader.text(),
    entityId: reader.text(),
    eventType: reader.text(),
    commandId: emptyAsNull(reader.bytes()),
    baseVersion: reader.text() || null,
    payloadHash: reader.raw(32),
    isPayloadIntact: reader.u8() === 1,
    eventHash: reader.raw(32),
    envelope: reader.bytes(),
  };
}

function emptyAsNull(bytes: Uint8Array): Uint8Array | null {
  return bytes.length === 0 ? null : bytes;
}
