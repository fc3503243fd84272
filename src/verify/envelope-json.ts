import { literal, ScratchBytes } from "../base/scratch-bytes.js";
import type { EventFields } from "./event-fields.js";
import type { StoredPlace } from "./stored-form.js";

const VERSION = literal('{"ves_version":');
const EVENT_ID = literal(',"event_id":"');
const TENANT_ID = literal('","tenant_id":"');
const STORE_ID = literal('","store_id":"');
const SOURCE_AGENT_ID = literal('","source_agent_id":"');
const AGENT_KEY_ID = literal('","agent_key_id":');
const ENTITY_TYPE = literal(',"entity_type":');
const ENTITY_ID = literal(',"entity_id":');
const EVENT_TYPE = literal(',"event_type":');
const CREATED_AT = literal(',"created_at":');
const PAYLOAD = literal(',"payload_kind":0,"payload":');
const PAYLOAD_ENCRYPTED = literal(',"payload_kind":1,"payload_encrypted":');
const PLAIN_HASH = literal(',"payload_plain_hash":"0x');
const CIPHER_HASH = literal('","payload_cipher_hash":"0x');
const AGENT_SIGNATURE = literal('","agent_signature":"0x');
const QUOTE = literal('"');
const COMMAND_ID = literal(',"command_id":"');
const BASE_VERSION = literal(',"base_version":');
const END = literal("}");

/** Ids, hashes and numbers with all members' names: what is left makes room for itself. */
const FIXED_BYTES_MAX = 1536;

const scratch = new ScratchBytes();

/**
 * The envelope as it is stored and sent, UTF-8: fixed member order, canonical payload text, ids lower case, hashes as `0x`
 * hex, absent members left out. A function of exactly the fields an exact replay compares (ves-protocol §5.1), so two events
 * are an exact replay of each other when these bytes are equal. `payloadText` is the canonical JSON of `payload` or the
 * JSON of `payload_encrypted`, each as it was hashed. Every event passes here: bytes are put down once, without strings on
 * the way.
 */
export function envelopeJson(event: EventFields, payloadText: string): Buffer {
  const { entityType, entityId, eventType, createdAt, commandId, baseVersion } = event;
  const names = entityType.length + entityId.length + eventType.length + createdAt.length;
  scratch.begin(FIXED_BYTES_MAX + names + payloadText.length);
  scratch.all(VERSION).ascii(`${event.vesVersion}`).all(EVENT_ID).ascii(event.eventId);
  scratch.all(TENANT_ID).ascii(event.tenantId).all(STORE_ID).ascii(event.storeId);
  scratch.all(SOURCE_AGENT_ID).ascii(event.sourceAgentId).all(AGENT_KEY_ID).ascii(`${event.agentKeyId}`);
  scratch.all(ENTITY_TYPE).quoted(entityType).all(ENTITY_ID).quoted(entityId);
  scratch.all(EVENT_TYPE).quoted(eventType).all(CREATED_AT).quoted(createdAt);
  scratch.all(event.payloadKind === 0 ? PAYLOAD : PAYLOAD_ENCRYPTED).utf8(payloadText);
  scratch.all(PLAIN_HASH).hex(event.payloadPlainHash).all(CIPHER_HASH).hex(event.payloadCipherHash);
  scratch.all(AGENT_SIGNATURE).hex(event.agentSignature).all(QUOTE);
  if (commandId !== null) scratch.all(COMMAND_ID).ascii(commandId).all(QUOTE);
  if (baseVersion !== null) scratch.all(BASE_VERSION).ascii(baseVersion);
  return scratch.all(END).copy();
}

/** The same of an event that is written in stored form: its bytes in the body around the canonical payload. */
export function envelopeAround(body: Uint8Array, place: StoredPlace, payloadText: string): Buffer {
  const { start, payloadStart, payloadEnd, end } = place;
  scratch.begin(end - start + payloadText.length);
  scratch.bytes(body.subarray(start, payloadStart)).utf8(payloadText);
  return scratch.bytes(body.subarray(payloadEnd, end)).copy();
}
