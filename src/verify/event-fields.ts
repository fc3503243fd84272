/**
 * Reads one event of an ingest body (ves-protocol §4.1) into typed fields. Wrong types, ranges, ids and hex refuse the
 * whole request (422); what the fields mean together is judged later, per event.
 */
import type { Uuid } from "../base/ids.js";
import {
  ENVELOPE_REQUIRED,
  type EncryptedPayload,
  PAYLOAD_ENCRYPTED,
  PAYLOAD_PLAIN,
  type PayloadKind,
  type Recipient,
} from "../protocol/envelope.js";
import { parseRfc3339 } from "../protocol/rfc3339.js";
import { type JsonCursor, JsonFields } from "../protocol/strict-json.js";
import type { StoredFormReader, StoredPlace } from "./stored-form.js";

export interface EventFields {
  vesVersion: number;
  eventId: Uuid;
  tenantId: Uuid;
  storeId: Uuid;
  sourceAgentId: Uuid;
  agentKeyId: number;
  entityType: string;
  entityId: string;
  eventType: string;
  /** Exact text as received: it is signed. */
  createdAt: string;
  payloadKind: PayloadKind;
  /** Canonical JSON text; undefined = absent or null, as the next. */
  payload: string | undefined;
  payloadEncrypted: EncryptedPayload | undefined;
  payloadPlainHash: Uint8Array;
  payloadCipherHash: Uint8Array;
  agentSignature: Uint8Array;
  signatureScheme: number;
  commandId: Uuid | null;
  /** Decimal text of a u64. */
  baseVersion: string | null;
  /** Set when the event is written in stored form. */
  place: StoredPlace | null;
}

const EVENT_FIELDS = new JsonFields(ENVELOPE_REQUIRED, [
  "payload",
  "payload_encrypted",
  "agent_signature_scheme",
  "agent_signature_bundle",
  "command_id",
  "base_version",
  "sequence_number",
  "sequenced_at",
]);

/** Reads one event object. Throws the cursor's errors. */
export function readEventFields(cursor: JsonCursor, storedForm: StoredFormReader): EventFields {
  return cursor.readBy(storedForm) ?? readAnyForm(cursor);
}

function readAnyForm(cursor: JsonCursor): EventFields {
  const event = blankEvent();
  cursor.readFields(EVENT_FIELDS, (name) => readField(event, name, cursor));
  return event;
}

/** One `switch`, not a reader for each name: every event passes here, and calls the engine cannot foresee cost more than the reading. */
function readField(event: EventFields, name: string, cursor: JsonCursor): void {
  switch (name) {
    case "ves_version":
      event.vesVersion = cursor.readU32();
      break;
    case "event_id":
      event.eventId = cursor.readUuid();
      break;
    case "tenant_id":
      event.tenantId = cursor.readUuid();
      break;
    case "store_id":
      event.storeId = cursor.readUuid();
      break;
    case "source_agent_id":
      event.sourceAgentId = cursor.readUuid();
      break;
    case "agent_key_id":
      event.agentKeyId = cursor.readU32();
      break;
    case "entity_type":
      event.entityType = cursor.readString();
      break;
    case "entity_id":
      event.entityId = cursor.readString();
      break;
    case "event_type":
      event.eventType = cursor.readString();
      break;
    case "created_at":
      event.createdAt = cursor.readString();
      break;
    case "payload_kind":
      event.payloadKind = readPayloadKind(cursor);
      break;
    case "payload":
      event.payload = readPayload(cursor);
      break;
    case "payload_plain_hash":
      event.payloadPlainHash = cursor.readHex(32);
      break;
    case "payload_cipher_hash":
      event.payloadCipherHash = cursor.readHex(32);
      break;
    case "agent_signature":
      event.agentSignature = cursor.readHex(64);
      break;
    default:
      readOptionalField(event, name, cursor);
  }
}

function readOptionalField(event: EventFields, name: string, cursor: JsonCursor): void {
  switch (name) {
    case "payload_encrypted":
      event.payloadEncrypted = cursor.readNullOr(() => readEncryptedPayload(cursor)) ?? undefined;
      break;
    case "agent_signature_scheme":
      event.signatureScheme = cursor.readNullOr(() => cursor.readI32()) ?? 0;
      break;
    case "agent_signature_bundle":
      // Post-quantum signatures are not taken under the legacy profile: the bundle is only checked to be an object.
      cursor.readNullOr(() => cursor.readObject(() => {}));
      break;
    case "command_id":
      event.commandId = cursor.readNullOr(() => cursor.readUuid());
      break;
    case "base_version":
      event.baseVersion = cursor.readNullOr(() => cursor.readU64().toString());
      break;
    case "sequence_number":
      // Assigned by the sequencer, as the next: checked for its type, then dropped.
      cursor.readNullOr(() => cursor.readU64());
      break;
    case "sequenced_at":
      cursor.readNullOr(() => readTimestamp(cursor));
  }
}

function readPayload(cursor: JsonCursor): string | undefined {
  const text = cursor.readCanonical();
  return text === "null" ? undefined : text;
}

/** Every required field is overwritten: `readFields` refuses an object that lacks one. */
function blankEvent(): EventFields {
  const nothing = new Uint8Array(0);
  return {
    vesVersion: 0,
    eventId: "" as Uuid,
    tenantId: "" as Uuid,
    storeId: "" as Uuid,
    sourceAgentId: "" as Uuid,
    agentKeyId: 0,
    entityType: "",
    entityId: "",
    eventType: "",
    createdAt: "",
    payloadKind: PAYLOAD_PLAIN,
    payload: undefined,
    payloadEncrypted: undefined,
    payloadPlainHash: nothing,
    payloadCipherHash: nothing,
    agentSignature: nothing,
    signatureScheme: 0,
    commandId: null,
    baseVersion: null,
    place: null,
  };
}

function readPayloadKind(cursor: JsonCursor): PayloadKind {
  const kind = cursor.readU32();
  return kind === PAYLOAD_PLAIN || kind === PAYLOAD_ENCRYPTED ? kind : cursor.fail("payload_kind must be 0 or 1");
}

function readTimestamp(cursor: JsonCursor): number {
  return parseRfc3339(cursor.readString()) ?? cursor.fail("expected an RFC 3339 time");
}

const ENCRYPTED_FIELDS = new JsonFields([
  "enc_version",
  "aead",
  "nonce_b64u",
  "ciphertext_b64u",
  "tag_b64u",
  "hpke",
  "recipients",
]);
const HPKE_FIELDS = new JsonFields(["mode", "kem", "kdf", "aead"]);
const RECIPIENT_FIELDS = new JsonFields(["recipient_kid", "enc_b64u", "ct_b64u"]);

function readEncryptedPayload(cursor: JsonCursor): EncryptedPayload {
  const texts: Record<string, string> = {};
  let encVersion = 0;
  let hpke: Record<string, string> = {};
  const recipients: Recipient[] = [];
  cursor.readFields(ENCRYPTED_FIELDS, (name) => {
    if (name === "enc_version") encVersion = cursor.readU32();
    else if (name === "hpke") hpke = readTexts(cursor, HPKE_FIELDS);
    else if (name === "recipients") cursor.readArray(() => recipients.push(readRecipient(cursor)));
    else texts[name] = cursor.readString();
  });
  // Member order is fixed here: it is the order in which the stored envelope carries them.
  return {
    enc_version: encVersion,
    aead: texts.aead!,
    nonce_b64u: texts.nonce_b64u!,
    ciphertext_b64u: texts.ciphertext_b64u!,
    tag_b64u: texts.tag_b64u!,
    hpke: { mode: hpke.mode!, kem: hpke.kem!, kdf: hpke.kdf!, aead: hpke.aead! },
    recipients,
  };
}

function readTexts(cursor: JsonCursor, fields: JsonFields): Record<string, string> {
  const texts: Record<string, string> = {};
  cursor.readFields(fields, (name) => {
    texts[name] = cursor.readString();
  });
  return texts;
}

function readRecipient(cursor: JsonCursor): Recipient {
  let kid = 0;
  const texts: Record<string, string> = {};
  cursor.readFields(RECIPIENT_FIELDS, (name) => {
    if (name === "recipient_kid") kid = cursor.readU32();
    else texts[name] = cursor.readString();
  });
  return { recipient_kid: kid, enc_b64u: texts.enc_b64u!, ct_b64u: texts.ct_b64u! };
}
