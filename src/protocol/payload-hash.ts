import type { Uuid } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { DOMAIN_PAYLOAD_AAD, DOMAIN_PAYLOAD_CIPHER, DOMAIN_PAYLOAD_PLAIN, DOMAIN_RECIPIENTS } from "./domains.js";
import { sha256, sha256Text } from "./sha256.js";

/** Payload hashes of spec §2.2-2.5, over decoded bytes. Results are 32 bytes. */
const writer = new ByteWriter();

/** Version constant inside the cipher hash; not the `enc_version` field (spec §2.5). */
const CIPHER_HASH_VERSION = 1;

/** Cipher hash of every plaintext event. */
export const ZERO_HASH: Uint8Array = new Uint8Array(32);

/** §2.2. `canonicalPayload` is the RFC 8785 text; `salt` (16 bytes) is given for encrypted payloads only. */
export function payloadPlainHash(canonicalPayload: string, salt?: Uint8Array): Uint8Array {
  if (salt === undefined) return sha256Text(DOMAIN_PAYLOAD_PLAIN + canonicalPayload);
  return sha256(writer.reset().ascii(DOMAIN_PAYLOAD_PLAIN).bytes(salt).text(canonicalPayload).view());
}

/** The fields an encrypted payload is bound to, besides its plain hash. */
export interface AadFields {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly eventId: Uuid;
  readonly sourceAgentId: Uuid;
  readonly agentKeyId: number;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  /** Exact RFC 3339 text of the envelope. */
  readonly createdAt: string;
}

/** The run of fields that the AAD (§2.3) and the signing preimage (§3.1) share. */
export function writeAadFields(to: ByteWriter, fields: AadFields): ByteWriter {
  return to
    .uuid(fields.tenantId)
    .uuid(fields.storeId)
    .uuid(fields.eventId)
    .uuid(fields.sourceAgentId)
    .u32(fields.agentKeyId)
    .str(fields.entityType)
    .str(fields.entityId)
    .str(fields.eventType)
    .str(fields.createdAt);
}

/** §2.3: also the HPKE `info` and the AES-GCM additional data. */
export function payloadAad(fields: AadFields, plainHash: Uint8Array): Uint8Array {
  return sha256(writeAadFields(writer.reset().ascii(DOMAIN_PAYLOAD_AAD), fields).bytes(plainHash).view());
}

export interface DecodedRecipient {
  readonly kid: number;
  /** 32 bytes. */
  readonly enc: Uint8Array;
  /** 48 bytes. */
  readonly ct: Uint8Array;
}

/** §2.4, in the order given, which must already be ascending by kid. */
export function recipientsHash(recipients: readonly DecodedRecipient[]): Uint8Array {
  writer.reset().ascii(DOMAIN_RECIPIENTS);
  for (const { kid, enc, ct } of recipients) {
    writer.u32(kid).u32(enc.length).bytes(enc).u32(ct.length).bytes(ct);
  }
  return sha256(writer.view());
}

export interface CipherParts {
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** 16 bytes. */
  readonly tag: Uint8Array;
  readonly recipients: readonly DecodedRecipient[];
}

/** §2.5, kind 1. Kind 0 uses `ZERO_HASH`. */
export function payloadCipherHash(parts: CipherParts, aad: Uint8Array): Uint8Array {
  const recipients = recipientsHash(parts.recipients);
  writer
    .reset()
    .ascii(DOMAIN_PAYLOAD_CIPHER)
    .u32(CIPHER_HASH_VERSION)
    .bytes(parts.nonce)
    .bytes(aad)
    .u32(parts.ciphertext.length)
    .bytes(parts.ciphertext)
    .bytes(parts.tag)
    .bytes(recipients);
  return sha256(writer.view());
}
