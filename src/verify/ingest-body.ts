/**
 * The request-level half of verification (ves-protocol §4.3), in the protocol's order: any failure refuses the whole
 * request with one coded error and leaves no trace.
 */
import { utf8Length } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import {
  ENTITY_ID_BYTES_MAX,
  ENTITY_TYPE_BYTES_MAX,
  EVENT_TYPE_BYTES_MAX,
  PAYLOAD_PLAIN,
} from "../protocol/envelope.js";
import { JsonFields } from "../protocol/strict-json.js";
import { type EventFields, readEventFields } from "./event-fields.js";
import { readJsonRequest } from "./json-request.js";
import { authorizeAgent, authorizeWrite, type Scope } from "./scope.js";
import { StoredFormReader } from "./stored-form.js";

export interface IngestLimits {
  readonly eventsPerBatchMax: number;
  /** Bytes of one payload, in its compact serialisation. */
  readonly eventPayloadBytesMax: number;
}

export interface IngestBody {
  /** As it came: what the places of its events mean. */
  readonly bytes: Uint8Array;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly agentId: Uuid;
  readonly events: readonly IngestEvent[];
}

export interface IngestEvent {
  readonly fields: EventFields;
  /** Canonical payload, or the JSON of payload_encrypted. */
  readonly payloadText: string;
}

const BODY_FIELDS = new JsonFields(["agentId", "events"]);

/** Parses and judges a body. Throws CodedError. */
export function readIngestBody(body: Uint8Array, scope: Scope, limits: IngestLimits): IngestBody {
  const { agentId, events } = parseBody(body, limits.eventsPerBatchMax);
  const first = events[0];
  if (first === undefined)
    throw new CodedError("INVALID_FIELD_VALUE", "events must not be empty", { pointer: "/events" });
  const { tenantId, storeId } = first;
  authorizeBatch({ agentId, events }, VES_NAMES, scope, limits.eventsPerBatchMax);
  const checked = events.map((fields, index) => checkShape(fields, index, limits));
  return { bytes: body, tenantId, storeId, agentId, events: checked };
}

/** What every event says of where it belongs. */
export interface BatchMember {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly sourceAgentId: Uuid;
}

/** How the members are called in the messages that existing clients know. */
export interface BatchNames {
  readonly tenantId: string;
  readonly storeId: string;
  readonly sourceAgentId: string;
}

const VES_NAMES: BatchNames = { tenantId: "tenantId", storeId: "storeId", sourceAgentId: "source_agent_id" };

/** One stream, one agent, and a credential that may write there. At least one event. Throws CodedError. */
export function authorizeBatch(
  { agentId, events }: { readonly agentId: Uuid; readonly events: readonly BatchMember[] },
  names: BatchNames,
  scope: Scope,
  eventsMax: number,
): void {
  const { tenantId, storeId } = events[0]!;
  if (!events.every((event) => event.tenantId === tenantId && event.storeId === storeId)) {
    throw invalid(`All events in a batch must share the same ${names.tenantId} and ${names.storeId}`);
  }
  authorizeAgent(scope, agentId);
  if (!events.every((event) => event.sourceAgentId === agentId)) {
    throw invalid(`event ${names.sourceAgentId} must match request agent_id`);
  }
  authorizeWrite(scope, tenantId, storeId);
  if (events.length > eventsMax) throw batchTooLarge(events.length, eventsMax);
}

function parseBody(body: Uint8Array, eventsMax: number): { agentId: Uuid; events: EventFields[] } {
  return readJsonRequest(body, (cursor) => {
    let agentId = "" as Uuid;
    const events: EventFields[] = [];
    const storedForm = new StoredFormReader(body.length);
    cursor.readFields(BODY_FIELDS, (name) => {
      if (name === "agentId") agentId = cursor.readUuid();
      else {
        cursor.readArray((index) => {
          events.push(readEventFields(cursor, storedForm));
          // Reading on would only cost time: the count alone refuses the request.
          if (index >= eventsMax * 2) throw batchTooLarge(index + 1, eventsMax);
        });
      }
    });
    return { agentId, events };
  });
}

function checkShape(fields: EventFields, index: number, limits: IngestLimits): IngestEvent {
  const pointer = `/events/${index}`;
  checkNames(fields, pointer);
  const payloadText = payloadTextOf(fields, pointer);
  checkPayloadSize(fields.eventId, payloadText, limits.eventPayloadBytesMax, pointer);
  return { fields, payloadText };
}

/** Throws INVALID_FIELD_VALUE for a name that is empty or too long. */
export function checkNames(
  { eventId, entityType, entityId, eventType }: Pick<EventFields, "eventId" | "entityType" | "entityId" | "eventType">,
  pointer: string,
): void {
  checkLength(entityType, ENTITY_TYPE_BYTES_MAX, eventId, "entity_type", pointer);
  checkLength(entityId, ENTITY_ID_BYTES_MAX, eventId, "entity_id", pointer);
  checkLength(eventType, EVENT_TYPE_BYTES_MAX, eventId, "event_type", pointer);
}

/** Throws PAYLOAD_TOO_LARGE. */
export function checkPayloadSize(eventId: Uuid, payloadText: string, bytesMax: number, pointer: string): void {
  // A UTF-16 unit is at most 3 bytes: most payloads need no count.
  if (payloadText.length * 3 <= bytesMax) return;
  const payloadBytes = utf8Length(payloadText);
  if (payloadBytes <= bytesMax) return;
  throw new CodedError(
    "PAYLOAD_TOO_LARGE",
    `Event ${eventId} payload exceeds max_event_payload_size (${payloadBytes} > ${bytesMax})`,
    { pointer },
  );
}

function payloadTextOf(fields: EventFields, pointer: string): string {
  const { eventId, payload, payloadEncrypted } = fields;
  if (fields.payloadKind === PAYLOAD_PLAIN) {
    if (payload === undefined) throw invalid(`Event ${eventId} missing payload for plaintext payload_kind`, pointer);
    return payload;
  }
  if (payloadEncrypted === undefined) {
    throw invalid(`Event ${eventId} missing payload_encrypted for encrypted payload_kind`, pointer);
  }
  return JSON.stringify(payloadEncrypted);
}

/** Limits count UTF-8 bytes, whatever the message says (ves-protocol §16.6). */
function checkLength(text: string, bytesMax: number, eventId: Uuid, field: string, pointer: string): void {
  // Short texts need no count, as above.
  const isShort = text.length > 0 && text.length * 3 <= bytesMax;
  if (isShort || (text.length > 0 && utf8Length(text) <= bytesMax)) return;
  throw invalid(`Event ${eventId} ${field} must be between 1 and ${bytesMax} characters`, `${pointer}/${field}`);
}

function invalid(message: string, pointer?: string): CodedError {
  return new CodedError("INVALID_FIELD_VALUE", message, pointer === undefined ? {} : { pointer });
}

export function batchTooLarge(count: number, max: number): CodedError {
  return new CodedError("BATCH_TOO_LARGE", `Batch exceeds max_events_per_batch (${count} > ${max})`, {
    pointer: "/events",
  });
}
