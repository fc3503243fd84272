/**
 * Reads one event of an ingest body (ves-protocol §4.1) into typed fields. Wrong types, ranges, ids and hex refuse the
 * whole request (422); what the fields mean together is judged later, per event.
 */
import { fromHex } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import type { JsonValue } from "../protocol/canonical-json.js";
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
  /** Undefined = absent or null. */
  payload: Exclude<JsonValue, null> | undefined;
  payloadEncrypted: EncryptedPayload | undefined;
  payloadPlainHash: Uint8Array;
  payloadCipherHash: Uint8Array;
  agentSignature: Uint8Array;
  signatureScheme: number;
  commandId: Uuid | null;
  /** Decimal text of a u64. */
  baseVersion: string | null;
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

type FieldReader = (event: EventFields, cursor: JsonCursor) => void;

function into<K extends keyof EventFields>(field: K, read: (cursor: JsonCursor) => EventFields[K]): FieldReader {
  return (event, cursor) => {
    event[field] = read(cursor);
  };
}

const READERS: Readonly<Record<string, FieldReader>> = {
  ves_version: into("vesVersion", (cursor) => cursor.readU32()),
  event_id: into("eventId", readUuid),
  tenant_id: into("tenantId", readUuid),
  store_id: into("storeId", readUuid),
  source_agent_id: into("sourceAgentId", readUuid),
  agent_key_id: into("agentKeyId", (cursor) => cursor.readU32()),
  entity_type: into("entityType", (cursor) => cursor.readString()),
  entity_id: into("entityId", (cursor) => cursor.readString()),
  event_type: into("eventType", (cursor) => cursor.readString()),
  created_at: into("createdAt", (cursor) => cursor.readString()),
  payload_kind: into("payloadKind", readPayloadKind),
  payload: into("payload", (cursor) => cursor.readValue() ?? undefined),
  payload_encrypted: into(
    "payloadEncrypted",
    (cursor) => cursor.readNullOr(() => readEncryptedPayload(cursor)) ?? undefined,
  ),
  payload_plain_hash: into("payloadPlainHash", (cursor) => readHex(cursor, 32)),
  payload_cipher_hash: into("payloadCipherHash", (cursor) => readHex(cursor, 32)),
  agent_signature: into("agentSignature", (cursor) => readHex(cursor, 64)),
  agent_signature_scheme: into("signatureScheme", (cursor) => cursor.readNullOr(() => cursor.readI32()) ?? 0),
  command_id: into("commandId", (cursor) => cursor.readNullOr(() => readUuid(cursor))),
  base_version: into("baseVersion", (cursor) => cursor.readNullOr(() => cursor.readU64().toString())),
  // Post-quantum signatures are not taken under the legacy profile: the bundle is only checked to be an object.
  agent_signature_bundle: (_, cursor) => void cursor.readNullOr(() => cursor.readObject(() => {})),
  // Assigned by the sequencer: checked for their type, then dropped.
  sequence_number: (_, cursor) => void cursor.readNullOr(() => cursor.readU64()),
  sequenced_at: (_, cursor) => void cursor.readNullOr(() => readTimestamp(cursor)),
};

/** Reads one event object. Throws the cursor's errors. */
export function readEventFields(cursor: JsonCursor): EventFields {
  const event = blankEvent();
  cursor.readFields(EVENT_FIELDS, (name) => READERS[name]!(event, cursor));
  return event;
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
  };
}

export function readUuid(cursor: JsonCursor): Uuid {
  return parseUuid(cursor.readString()) ?? cursor.fail("expected a UUID");
}

function readHex(cursor: JsonCursor, lengthBytes: number): Uint8Array {
  return fromHex(cursor.readString(), lengthBytes) ?? cursor.fail(`expected ${lengthBytes} bytes of hex`);
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
