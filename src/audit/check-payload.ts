/** Payloads read in full: plain ones that `canonical-scan.ts` leaves open, and all encrypted ones. Throws AuditFault. */
import { canonicalJson, type JsonValue } from "../protocol/canonical-json.js";
import { checkEncryptedPayload } from "../protocol/check-encrypted-payload.js";
import type { EncryptedPayload } from "../protocol/envelope.js";
import { type AadFields, payloadAad, payloadCipherHash } from "../protocol/payload-hash.js";
import { expectFact } from "./audit-fault.js";

/** Throws a SyntaxError for a payload that is no JSON. */
export function checkCanonicalPayload(text: string): void {
  const payload = JSON.parse(text) as JsonValue;
  expectFact(canonicalJson(payload) === text, "the payload is not in canonical form");
}

/** The hash of an encrypted payload in its stored form. */
export function encryptedPayloadHash(text: string, fields: AadFields, plainHash: Uint8Array): Uint8Array {
  const encrypted = inOrder(JSON.parse(text) as EncryptedPayload);
  expectFact(JSON.stringify(encrypted) === text, "the encrypted payload is not in its stored form");
  const parts = checkEncryptedPayload(encrypted);
  expectFact(!("field" in parts), "the encrypted payload is malformed");
  return payloadCipherHash(parts, payloadAad(fields, plainHash));
}

/** Exactly the members of ves-protocol §4.5, in their stored order. */
function inOrder(payload: EncryptedPayload): EncryptedPayload {
  const { enc_version, aead, nonce_b64u, ciphertext_b64u, tag_b64u, hpke, recipients } = payload;
  return {
    ...{ enc_version, aead, nonce_b64u, ciphertext_b64u, tag_b64u },
    hpke: { mode: hpke.mode, kem: hpke.kem, kdf: hpke.kdf, aead: hpke.aead },
    recipients: recipients.map(({ recipient_kid, enc_b64u, ct_b64u }) => ({ recipient_kid, enc_b64u, ct_b64u })),
  };
}
