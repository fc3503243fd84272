import type { Uuid } from "../base/ids.js";
import type { JsonValue } from "./canonical-json.js";

/** The VES v1 event envelope as it travels (spec §4.1) and its encrypted payload (spec §2.8). Types and limits only. */
export const VES_VERSION = 1;

export const PAYLOAD_PLAIN = 0;
export const PAYLOAD_ENCRYPTED = 1;
export type PayloadKind = typeof PAYLOAD_PLAIN | typeof PAYLOAD_ENCRYPTED;

/** Limits of §4.1 in UTF-8 bytes; the shortest allowed is 1. */
export const ENTITY_TYPE_BYTES_MAX = 128;
export const ENTITY_ID_BYTES_MAX = 512;
export const EVENT_TYPE_BYTES_MAX = 256;

/** Key ids above this wrap in the original's signed 32-bit storage (spec §16.11); no honest key has one. */
export const AGENT_KEY_ID_MAX = 0x7fff_ffff;

/** Members without which an envelope is none (§4.1). */
export const ENVELOPE_REQUIRED = [
  "ves_version",
  "event_id",
  "tenant_id",
  "store_id",
  "source_agent_id",
  "agent_key_id",
  "entity_type",
  "entity_id",
  "event_type",
  "created_at",
  "payload_kind",
  "payload_plain_hash",
  "payload_cipher_hash",
  "agent_signature",
] as const;

export interface EventEnvelope {
  readonly ves_version: number;
  readonly event_id: Uuid;
  readonly tenant_id: Uuid;
  readonly store_id: Uuid;
  readonly source_agent_id: Uuid;
  readonly agent_key_id: number;
  readonly entity_type: string;
  readonly entity_id: string;
  readonly event_type: string;
  /** RFC 3339 with offset; hashed as this exact text. */
  readonly created_at: string;
  readonly payload_kind: PayloadKind;
  /** Kind 0 only; never null. */
  readonly payload?: JsonValue;
  /** Kind 1 only. */
  readonly payload_encrypted?: EncryptedPayload;
  /** 32 bytes, `0x` + lower-case hex. */
  readonly payload_plain_hash: string;
  /** 32 bytes, `0x` + lower-case hex; zero for kind 0. */
  readonly payload_cipher_hash: string;
  /** 64 bytes, `0x` + lower-case hex. */
  readonly agent_signature: string;
  /** Intent deduplication; not signed. */
  readonly command_id?: Uuid;
  /** Optimistic concurrency; not signed. */
  readonly base_version?: number;
}

export interface EncryptedPayload {
  readonly enc_version: number;
  readonly aead: string;
  /** 12 bytes. */
  readonly nonce_b64u: string;
  /** At least 1 byte. */
  readonly ciphertext_b64u: string;
  /** 16 bytes. */
  readonly tag_b64u: string;
  readonly hpke: HpkeSuite;
  /** At least one, strictly ascending by `recipient_kid`. */
  readonly recipients: readonly Recipient[];
}

export interface HpkeSuite {
  readonly mode: string;
  readonly kem: string;
  readonly kdf: string;
  readonly aead: string;
}

export interface Recipient {
  readonly recipient_kid: number;
  /** Encapsulated key, 32 bytes. */
  readonly enc_b64u: string;
  /** Wrapped content key, 48 bytes. */
  readonly ct_b64u: string;
}
