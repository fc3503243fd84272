/**
 * Reads the body of a legacy ingest (wire-api A.3). Wrong types, ids, hex and times refuse the whole request (422), and so do
 * mixed streams, a foreign agent, missing rights and too much of anything; the rest is judged per event.
 */
import { fromHex } from "../base/bytes.js";
import type { Uuid } from "../base/ids.js";
import { legacyPayloadText } from "../protocol/legacy-event.js";
import { hasUtcForm, parseRfc3339 } from "../protocol/rfc3339.js";
import { type JsonCursor, JsonFields } from "../protocol/strict-json.js";
import {
  authorizeBatch,
  type BatchMember,
  type BatchNames,
  batchTooLarge,
  checkNames,
  checkPayloadSize,
  type IngestLimits,
} from "./ingest-body.js";
import { readJsonRequest } from "./json-request.js";
import type { Scope } from "./scope.js";

export interface LegacyFields extends BatchMember {
  readonly eventId: Uuid;
  readonly commandId: Uuid | null;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  /** See `legacyPayloadText`. */
  readonly payloadText: string;
  /** As claimed, 32 bytes. */
  readonly payloadHash: Uint8Array;
  /** Decimal text of a u64. */
  readonly baseVersion: string | null;
  /** In UTC with `Z`, finer fractions kept. */
  readonly createdAt: string;
  readonly signature: readonly number[] | null;
}

export interface LegacyBody {
  readonly agentId: Uuid;
  /** May be empty: such a request asks nothing of anyone. */
  readonly events: readonly LegacyFields[];
}

const BODY_FIELDS = new JsonFields(["agent_id", "events"]);
const EVENT_FIELDS = new JsonFields(
  [
    ...["event_id", "tenant_id", "store_id", "entity_type", "entity_id", "event_type"],
    ...["payload", "payload_hash", "created_at", "source_agent"],
  ],
  ["envelope_version", "command_id", "base_version", "sequence_number", "signature"],
);

const NAMES: BatchNames = { tenantId: "tenant_id", storeId: "store_id", sourceAgentId: "source_agent" };

/** Twice the longest signature in use (ML-DSA-65: 3309 bytes). */
const SIGNATURE_BYTES_MAX = 8192;

/** Digits of a fraction that the original keeps. */
const FRACTION_DIGITS_MAX = 9;

/** Parses and judges a body. Throws CodedError. */
export function readLegacyBody(bytes: Uint8Array, scope: Scope, limits: IngestLimits): LegacyBody {
  const body = parseBody(bytes, limits.eventsPerBatchMax);
  if (body.events.length === 0) return body;
  authorizeBatch(body, NAMES, scope, limits.eventsPerBatchMax);
  body.events.forEach((event, index) => {
    const pointer = `/events/${index}`;
    checkNames(event, pointer);
    checkPayloadSize(event.eventId, event.payloadText, limits.eventPayloadBytesMax, pointer);
  });
  return body;
}

function parseBody(bytes: Uint8Array, eventsMax: number): LegacyBody {
  return readJsonRequest(bytes, (cursor) => {
    let agentId = "" as Uuid;
    const events: LegacyFields[] = [];
    cursor.readFields(BODY_FIELDS, (name) => {
      if (name === "agent_id") agentId = cursor.readUuid();
      else {
        cursor.readArray((index) => {
          events.push(readEvent(cursor));
          if (index >= eventsMax * 2) throw batchTooLarge(index + 1, eventsMax);
        });
      }
    });
    return { agentId, events };
  });
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function readEvent(cursor: JsonCursor): LegacyFields {
  const event: Partial<Writable<LegacyFields>> = { commandId: null, baseVersion: null, signature: null };
  cursor.readFields(EVENT_FIELDS, (name) => READERS[name]!(event, cursor));
  // `readFields` refuses an object that lacks a required member.
  return event as LegacyFields;
}

type Reader = (event: Partial<Writable<LegacyFields>>, cursor: JsonCursor) => void;

function into<K extends keyof LegacyFields>(field: K, read: (cursor: JsonCursor) => LegacyFields[K]): Reader {
  return (event, cursor) => {
    event[field] = read(cursor);
  };
}

const READERS: Readonly<Record<string, Reader>> = {
  event_id: into("eventId", (cursor) => cursor.readUuid()),
  tenant_id: into("tenantId", (cursor) => cursor.readUuid()),
  store_id: into("storeId", (cursor) => cursor.readUuid()),
  source_agent: into("sourceAgentId", (cursor) => cursor.readUuid()),
  entity_type: into("entityType", (cursor) => cursor.readString()),
  entity_id: into("entityId", (cursor) => cursor.readString()),
  event_type: into("eventType", (cursor) => cursor.readString()),
  payload: into("payloadText", (cursor) => legacyPayloadText(cursor.readText())),
  payload_hash: into("payloadHash", readHash),
  created_at: into("createdAt", readTime),
  command_id: into("commandId", (cursor) => cursor.readNullOr(() => cursor.readUuid())),
  base_version: into("baseVersion", (cursor) => cursor.readNullOr(() => cursor.readU64().toString())),
  signature: into("signature", (cursor) => cursor.readNullOr(() => readSignature(cursor))),
  // The stored version is always 1 and the number is the sequencer's: checked for their type, then dropped.
  envelope_version: (_, cursor) => void cursor.readNullOr(() => cursor.readU32()),
  sequence_number: (_, cursor) => void cursor.readNullOr(() => cursor.readU64()),
};

function readHash(cursor: JsonCursor): Uint8Array {
  const text = cursor.readString();
  const hash = text.startsWith("0x") ? null : fromHex(text, 32);
  return hash ?? cursor.fail("expected 32 bytes of hex without a prefix");
}

function readTime(cursor: JsonCursor): string {
  const text = cursor.readString();
  const ms = parseRfc3339(text);
  if (ms === null || !hasUtcForm(ms)) return cursor.fail("expected an RFC 3339 time");
  const fraction = /\.\d+/.exec(text)?.[0].slice(0, FRACTION_DIGITS_MAX + 1) ?? "";
  const utc = new Date(Math.floor(ms / 1000) * 1000).toISOString();
  return `${utc.slice(0, 19)}${fraction}Z`;
}

function readSignature(cursor: JsonCursor): number[] {
  const bytes: number[] = [];
  cursor.readArray(() => {
    const byte = cursor.readU32();
    if (byte > 255) cursor.fail("expected a byte");
    if (bytes.length === SIGNATURE_BYTES_MAX) cursor.fail(`expected at most ${SIGNATURE_BYTES_MAX} bytes`);
    bytes.push(byte);
  });
  return bytes;
}
