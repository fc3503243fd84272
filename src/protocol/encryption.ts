import { AeadId, CipherSuite, KdfId, KemId } from "hpke-js";
import { bytesEqual } from "../base/bytes.js";
import { encodeBase64Url } from "./base64url.js";
import { canonicalJson, type JsonValue } from "./canonical-json.js";
import {
  AEAD_NAME,
  checkEncryptedPayload,
  ENC_VERSION,
  HPKE_KDF,
  HPKE_KEM,
  HPKE_MODE,
  NONCE_BYTES,
  TAG_BYTES,
} from "./check-encrypted-payload.js";
import type { EncryptedPayload } from "./envelope.js";
import {
  type AadFields,
  type DecodedRecipient,
  payloadAad,
  payloadCipherHash,
  payloadPlainHash,
} from "./payload-hash.js";
import { JsonCursor } from "./strict-json.js";

/**
 * VES-ENC-1 (spec §2.6-2.8): the payload under a fresh AES-256-GCM key, that key sealed to each recipient with HPKE (RFC
 * 9180, base mode, X25519). Salt, content key and nonce are fresh for each payload: a repeated nonce would break GCM.
 */
export type EncryptionErrorCode =
  | "NoRecipients"
  | "DuplicateRecipient"
  | "InvalidRecipientKey"
  | "InvalidEncryptedPayload"
  | "RecipientNotFound"
  | "KeyUnwrapFailed"
  | "DecryptionFailed"
  | "InvalidPlaintext"
  | "PayloadHashMismatch";

export class EncryptionError extends Error {
  override readonly name = "EncryptionError";

  constructor(
    readonly code: EncryptionErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Fills `lengthBytes` fresh random bytes. */
export type RandomBytes = (lengthBytes: number) => Uint8Array;

export interface EncryptionRecipient {
  /** Key id agreed out of band, u32, unique within the payload. */
  readonly kid: number;
  /** X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface EncryptRequest {
  readonly payload: JsonValue;
  readonly aadFields: AadFields;
  readonly recipients: readonly EncryptionRecipient[];
  /** Asked for salt 16, content key 32, nonce 12, then 32 for each recipient ascending by kid. Default: the platform's. */
  readonly random?: RandomBytes;
}

export interface EncryptResult {
  readonly encrypted: EncryptedPayload;
  readonly plainHash: Uint8Array;
  readonly cipherHash: Uint8Array;
  readonly aad: Uint8Array;
}

export interface DecryptRequest {
  readonly encrypted: EncryptedPayload;
  readonly aadFields: AadFields;
  /** The envelope's payload_plain_hash, 32 bytes. */
  readonly plainHash: Uint8Array;
  readonly kid: number;
  /** X25519, 32 bytes. */
  readonly secretKey: Uint8Array;
}

const SALT_BYTES = 16;
const CONTENT_KEY_BYTES = 32;
const EPHEMERAL_SEED_BYTES = 32;

const suite = new CipherSuite({
  kem: KemId.DhkemX25519HkdfSha256,
  kdf: KdfId.HkdfSha256,
  aead: AeadId.Aes256Gcm,
});

/** Encrypts to every recipient. Throws `EncryptionError` and `CanonicalJsonError`. */
export async function encryptPayload(request: EncryptRequest): Promise<EncryptResult> {
  const recipients = request.recipients.toSorted((a, b) => a.kid - b.kid);
  if (recipients.length === 0) throw new EncryptionError("NoRecipients", "at least one recipient is required");
  for (let i = 1; i < recipients.length; i++) {
    if (recipients[i]!.kid === recipients[i - 1]!.kid) {
      throw new EncryptionError("DuplicateRecipient", `recipient ${recipients[i]!.kid} is given twice`);
    }
  }
  const random = request.random ?? platformRandom;
  const salt = random(SALT_BYTES);
  const contentKey = random(CONTENT_KEY_BYTES);
  const nonce = random(NONCE_BYTES);
  const canonical = canonicalJson(request.payload);
  const plainHash = payloadPlainHash(canonical, salt);
  const aad = payloadAad(request.aadFields, plainHash);
  const sealed = await gcmSeal(contentKey, nonce, aad, concat(salt, new TextEncoder().encode(canonical)));
  const ciphertext = sealed.subarray(0, sealed.length - TAG_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const wrapped: DecodedRecipient[] = [];
  for (const recipient of recipients) {
    wrapped.push(await wrapKey(recipient, contentKey, aad, random(EPHEMERAL_SEED_BYTES)));
  }
  const encrypted: EncryptedPayload = {
    enc_version: ENC_VERSION,
    aead: AEAD_NAME,
    nonce_b64u: encodeBase64Url(nonce),
    ciphertext_b64u: encodeBase64Url(ciphertext),
    tag_b64u: encodeBase64Url(tag),
    hpke: { mode: HPKE_MODE, kem: HPKE_KEM, kdf: HPKE_KDF, aead: AEAD_NAME },
    recipients: wrapped.map(({ kid, enc, ct }) => ({
      recipient_kid: kid,
      enc_b64u: encodeBase64Url(enc),
      ct_b64u: encodeBase64Url(ct),
    })),
  };
  const cipherHash = payloadCipherHash({ nonce, ciphertext, tag, recipients: wrapped }, aad);
  return { encrypted, plainHash, cipherHash, aad };
}

/** Opens with one recipient's key and checks the plain hash over the re-canonicalised payload. Throws `EncryptionError`. */
export async function decryptPayload(request: DecryptRequest): Promise<JsonValue> {
  const parts = checkEncryptedPayload(request.encrypted);
  if ("field" in parts) throw new EncryptionError("InvalidEncryptedPayload", `${parts.field}: ${parts.message}`);
  const recipient = parts.recipients.find(({ kid }) => kid === request.kid);
  if (recipient === undefined) throw new EncryptionError("RecipientNotFound", `no recipient ${request.kid}`);
  const aad = payloadAad(request.aadFields, request.plainHash);
  const contentKey = await unwrapKey(recipient, request.secretKey, aad);
  const plaintext = await gcmOpen(contentKey, parts.nonce, aad, concat(parts.ciphertext, parts.tag));
  if (plaintext.length < SALT_BYTES)
    throw new EncryptionError("InvalidPlaintext", "plaintext is shorter than its salt");
  const { payload, canonical } = parsePlaintext(plaintext.subarray(SALT_BYTES));
  if (!bytesEqual(payloadPlainHash(canonical, plaintext.subarray(0, SALT_BYTES)), request.plainHash)) {
    throw new EncryptionError("PayloadHashMismatch", "payload does not match payload_plain_hash");
  }
  return payload;
}

/** A fresh X25519 key pair for a recipient, 32 bytes each. */
export async function generateEncryptionKeyPair(): Promise<{ publicKey: Uint8Array; secretKey: Uint8Array }> {
  const pair = await suite.kem.generateKeyPair();
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)),
    secretKey: new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey)),
  };
}

/** §2.6 step 6: one seal of the content key, `info` = aad, empty seal aad. */
async function wrapKey(
  recipient: EncryptionRecipient,
  contentKey: Uint8Array,
  aad: Uint8Array,
  ephemeralSeed: Uint8Array,
): Promise<DecodedRecipient> {
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(copy(recipient.publicKey).buffer);
    const sender = await suite.createSenderContext({
      recipientPublicKey,
      info: copy(aad).buffer,
      ekm: copy(ephemeralSeed).buffer,
    });
    const ct = await sender.seal(copy(contentKey).buffer);
    return { kid: recipient.kid, enc: new Uint8Array(sender.enc), ct: new Uint8Array(ct) };
  } catch {
    throw new EncryptionError("InvalidRecipientKey", `recipient ${recipient.kid} has an unusable public key`);
  }
}

async function unwrapKey(recipient: DecodedRecipient, secretKey: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
  let contentKey: Uint8Array;
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(copy(secretKey).buffer);
    const context = await suite.createRecipientContext({
      recipientKey,
      enc: copy(recipient.enc).buffer,
      info: copy(aad).buffer,
    });
    contentKey = new Uint8Array(await context.open(copy(recipient.ct).buffer));
  } catch {
    // One answer for every cause, so that it tells an attacker nothing.
    throw new EncryptionError("KeyUnwrapFailed", "the content key could not be opened with this key and envelope");
  }
  return contentKey;
}

async function gcmSeal(
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", copy(key), "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(
    await crypto.subtle.encrypt({ name: "AES-GCM", iv: copy(iv), additionalData: copy(aad) }, imported, plaintext),
  );
}

async function gcmOpen(
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  try {
    const imported = await crypto.subtle.importKey("raw", copy(key), "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(
      await crypto.subtle.decrypt({ name: "AES-GCM", iv: copy(iv), additionalData: copy(aad) }, imported, sealed),
    );
  } catch {
    throw new EncryptionError("DecryptionFailed", "the payload could not be authenticated");
  }
}

function parsePlaintext(bytes: Uint8Array): { payload: JsonValue; canonical: string } {
  try {
    const cursor = new JsonCursor(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    const payload = cursor.readValue();
    cursor.end();
    return { payload, canonical: canonicalJson(payload) };
  } catch {
    throw new EncryptionError("InvalidPlaintext", "the decrypted payload is not valid JSON");
  }
}

function platformRandom(lengthBytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(lengthBytes));
}

/** WebCrypto takes ArrayBuffer-backed views only, and never a slice of a larger buffer where `.buffer` is passed. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
