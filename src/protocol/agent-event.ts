import { bytesEqual, fromHex, isWellFormed, toHex } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { canonicalJson, type JsonValue } from "./canonical-json.js";
import { checkEncryptedPayload } from "./check-encrypted-payload.js";
import type { Ed25519 } from "./ed25519.js";
import {
  type EncryptedPayload,
  type EventEnvelope,
  PAYLOAD_ENCRYPTED,
  PAYLOAD_PLAIN,
  VES_VERSION,
} from "./envelope.js";
import { eventSigningHash, type SigningFields } from "./event-signing.js";
import { type AadFields, payloadAad, payloadCipherHash, payloadPlainHash, ZERO_HASH } from "./payload-hash.js";

/** What an agent does: fill and sign an envelope; and what any reader can do offline: check one (spec §3, §4.1). */
export interface AgentEventFields extends AadFields {
  readonly commandId?: Uuid;
  readonly baseVersion?: number;
}

/** A payload in clear (never null), or one made by `encryptPayload` with the same fields. */
export type AgentEventPayload =
  | { readonly payload: JsonValue }
  | { readonly encrypted: EncryptedPayload; readonly plainHash: Uint8Array; readonly cipherHash: Uint8Array };

/** The complete signed envelope. `seed` is the agent's 32-byte Ed25519 seed. Throws `CanonicalJsonError`. */
export function signEvent(
  event: AgentEventFields & AgentEventPayload,
  seed: Uint8Array,
  ed25519: Ed25519,
): EventEnvelope {
  const isEncrypted = "encrypted" in event;
  const plainHash = isEncrypted ? event.plainHash : payloadPlainHash(canonicalJson(event.payload));
  const cipherHash = isEncrypted ? event.cipherHash : ZERO_HASH;
  const fields: SigningFields = {
    ...event,
    vesVersion: VES_VERSION,
    payloadKind: isEncrypted ? PAYLOAD_ENCRYPTED : PAYLOAD_PLAIN,
    payloadPlainHash: plainHash,
    payloadCipherHash: cipherHash,
  };
  return {
    ves_version: VES_VERSION,
    event_id: event.eventId,
    tenant_id: event.tenantId,
    store_id: event.storeId,
    source_agent_id: event.sourceAgentId,
    agent_key_id: event.agentKeyId,
    entity_type: event.entityType,
    entity_id: event.entityId,
    event_type: event.eventType,
    created_at: event.createdAt,
    payload_kind: fields.payloadKind,
    ...(isEncrypted ? { payload_encrypted: event.encrypted } : { payload: event.payload }),
    payload_plain_hash: `0x${toHex(plainHash)}`,
    payload_cipher_hash: `0x${toHex(cipherHash)}`,
    agent_signature: `0x${toHex(ed25519.sign(eventSigningHash(fields), seed))}`,
    ...(event.commandId === undefined ? {} : { command_id: event.commandId }),
    ...(event.baseVersion === undefined ? {} : { base_version: event.baseVersion }),
  };
}

/**
 * The signed fields of an envelope that came from outside, or null when it could not have been signed: an id that is not
 * canonical, a hash that is not 32 bytes of hex, a key id that is no u32, another payload kind, a text with a lone surrogate.
 */
export function signingFieldsOf(envelope: EventEnvelope): SigningFields | null {
  const { event_id, tenant_id, store_id, source_agent_id, agent_key_id, payload_kind } = envelope;
  for (const id of [event_id, tenant_id, store_id, source_agent_id]) if (parseUuid(id) !== id) return null;
  if (agent_key_id !== agent_key_id >>> 0 || envelope.ves_version !== envelope.ves_version >>> 0) return null;
  if (payload_kind !== PAYLOAD_PLAIN && payload_kind !== PAYLOAD_ENCRYPTED) return null;
  const { entity_type, entity_id, event_type, created_at } = envelope;
  for (const text of [entity_type, entity_id, event_type, created_at]) if (!isWellFormed(text)) return null;
  const plainHash = fromHex(envelope.payload_plain_hash, 32);
  const cipherHash = fromHex(envelope.payload_cipher_hash, 32);
  if (plainHash === null || cipherHash === null) return null;
  return {
    vesVersion: envelope.ves_version,
    tenantId: tenant_id,
    storeId: store_id,
    eventId: event_id,
    sourceAgentId: source_agent_id,
    agentKeyId: agent_key_id,
    entityType: entity_type,
    entityId: entity_id,
    eventType: event_type,
    createdAt: created_at,
    payloadKind: payload_kind,
    payloadPlainHash: plainHash,
    payloadCipherHash: cipherHash,
  };
}

/**
 * True when the payload matches its hash and the signature is by this key. The plain hash of an encrypted payload cannot be
 * recomputed without opening it: `decryptPayload` does that. Throws `CanonicalJsonError` for a payload that is not JSON.
 */
export function verifyEvent(envelope: EventEnvelope, publicKey: Uint8Array, ed25519: Ed25519): boolean {
  const fields = signingFieldsOf(envelope);
  const signature = fromHex(envelope.agent_signature, 64);
  if (fields === null || signature === null || fields.vesVersion !== VES_VERSION) return false;
  if (!matchesPayload(envelope, fields)) return false;
  return ed25519.verify(signature, eventSigningHash(fields), publicKey);
}

/** True when the payload is the one whose hash was signed. Throws `CanonicalJsonError` for a payload that is not JSON. */
export function matchesPayload(envelope: EventEnvelope, fields: SigningFields): boolean {
  const { payload, payload_encrypted: encrypted } = envelope;
  if (fields.payloadKind === PAYLOAD_PLAIN) {
    if (payload === undefined || payload === null || encrypted) return false;
    if (!bytesEqual(fields.payloadCipherHash, ZERO_HASH)) return false;
    return bytesEqual(fields.payloadPlainHash, payloadPlainHash(canonicalJson(payload)));
  }
  if (!encrypted || (payload !== undefined && payload !== null)) return false;
  const parts = checkEncryptedPayload(encrypted);
  if ("field" in parts) return false;
  return bytesEqual(fields.payloadCipherHash, payloadCipherHash(parts, payloadAad(fields, fields.payloadPlainHash)));
}
