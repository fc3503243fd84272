import { decodeBase64Url } from "./base64url.js";
import type { EncryptedPayload } from "./envelope.js";
import type { CipherParts, DecodedRecipient } from "./payload-hash.js";

/**
 * Structure of `payload_encrypted` (spec §4.5), checked in the listed order: the first failure names the field. Pure VES
 * v1: enc_version 1, mode base and the X25519 KEM only.
 */
export const ENC_VERSION = 1;
export const AEAD_NAME = "AES-256-GCM";
export const HPKE_MODE = "base";
export const HPKE_KEM = "X25519-HKDF-SHA256";
export const HPKE_KDF = "HKDF-SHA256";

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
const HPKE_ENC_BYTES = 32;
const HPKE_CT_BYTES = 48;

const NOT_BASE64URL = "must be base64url";

/** `field` and `message` are the exact texts a rejection carries. */
export interface EncryptedPayloadProblem {
  readonly field: string;
  readonly message: string;
}

/** The decoded bytes, or the first problem. Distinguish with `"field" in result`. */
export function checkEncryptedPayload(encrypted: EncryptedPayload): CipherParts | EncryptedPayloadProblem {
  const suite = checkSuite(encrypted);
  if (suite !== null) return suite;
  const nonce = decodeBase64Url(encrypted.nonce_b64u);
  if (nonce === null) return problem("nonce_b64u", NOT_BASE64URL);
  if (nonce.length !== NONCE_BYTES) return problem("nonce_b64u", "nonce_b64u must decode to 12 bytes");
  const ciphertext = decodeBase64Url(encrypted.ciphertext_b64u);
  if (ciphertext === null) return problem("ciphertext_b64u", NOT_BASE64URL);
  if (ciphertext.length === 0) return problem("ciphertext_b64u", "ciphertext_b64u must not be empty");
  const tag = decodeBase64Url(encrypted.tag_b64u);
  if (tag === null) return problem("tag_b64u", NOT_BASE64URL);
  if (tag.length !== TAG_BYTES) return problem("tag_b64u", "tag_b64u must decode to 16 bytes");
  const recipients = checkRecipients(encrypted);
  return "field" in recipients ? recipients : { nonce, ciphertext, tag, recipients };
}

function checkSuite({ enc_version, aead, hpke }: EncryptedPayload): EncryptedPayloadProblem | null {
  if (enc_version !== ENC_VERSION) return problem("enc_version", "enc_version must be 1");
  if (aead !== AEAD_NAME) return problem("aead", `aead must be ${AEAD_NAME}`);
  if (hpke.mode !== HPKE_MODE) return problem("hpke.mode", `hpke.mode must be ${HPKE_MODE}`);
  if (hpke.kem !== HPKE_KEM) return problem("hpke.kem", `hpke.kem must be ${HPKE_KEM}`);
  if (hpke.kdf !== HPKE_KDF) return problem("hpke.kdf", `hpke.kdf must be ${HPKE_KDF}`);
  if (hpke.aead !== AEAD_NAME) return problem("hpke.aead", `hpke.aead must be ${AEAD_NAME}`);
  return null;
}

function checkRecipients(encrypted: EncryptedPayload): DecodedRecipient[] | EncryptedPayloadProblem {
  if (encrypted.recipients.length === 0) return problem("recipients", "recipients must not be empty");
  const decoded: DecodedRecipient[] = [];
  let previousKid = -1;
  for (const { recipient_kid: kid, enc_b64u, ct_b64u } of encrypted.recipients) {
    if (kid <= previousKid) return problem("recipients", "recipients must be sorted by recipient_kid and unique");
    previousKid = kid;
    const enc = decodeBase64Url(enc_b64u);
    if (enc === null) return problem("recipients.enc_b64u", NOT_BASE64URL);
    if (enc.length !== HPKE_ENC_BYTES) return problem("recipients.enc_b64u", "enc_b64u must decode to 32 bytes");
    const ct = decodeBase64Url(ct_b64u);
    if (ct === null) return problem("recipients.ct_b64u", NOT_BASE64URL);
    if (ct.length !== HPKE_CT_BYTES) return problem("recipients.ct_b64u", "ct_b64u must decode to 48 bytes");
    decoded.push({ kid, enc, ct });
  }
  return decoded;
}

function problem(member: string, message: string): EncryptedPayloadProblem {
  return { field: `payload_encrypted.${member}`, message };
}
