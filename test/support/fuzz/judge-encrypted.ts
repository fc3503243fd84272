/** The structure of `payload_encrypted` (ves-protocol §4.5), judged a second time. */
import { createHash } from "node:crypto";
import { u32be } from "./judge.js";

export interface CipherParts {
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
  readonly recipientsHash: Buffer;
}

interface Recipient {
  readonly recipient_kid: number;
  readonly enc_b64u: string;
  readonly ct_b64u: string;
}

const SUITE = { mode: "base", kem: "X25519-HKDF-SHA256", kdf: "HKDF-SHA256", aead: "AES-256-GCM" };

/** Members have the right types already. Null = refused. */
export function readCipherParts(encrypted: Record<string, unknown>): CipherParts | null {
  const { enc_version, aead, hpke, recipients } = encrypted;
  if (enc_version !== 1 || aead !== SUITE.aead) return null;
  for (const [name, expected] of Object.entries(SUITE)) {
    if ((hpke as Record<string, unknown>)[name] !== expected) return null;
  }
  const nonce = base64Url(encrypted.nonce_b64u as string);
  const ciphertext = base64Url(encrypted.ciphertext_b64u as string);
  const tag = base64Url(encrypted.tag_b64u as string);
  const recipientsHash = hashRecipients(recipients as readonly Recipient[]);
  if (nonce?.length !== 12 || !ciphertext?.length || tag?.length !== 16 || recipientsHash === null) return null;
  return { nonce, ciphertext, tag, recipientsHash };
}

function hashRecipients(recipients: readonly Recipient[]): Buffer | null {
  const digest = createHash("sha256").update("VES_RECIPIENTS_V1");
  let previous = -1;
  for (const { recipient_kid, enc_b64u, ct_b64u } of recipients) {
    const enc = base64Url(enc_b64u);
    const ct = base64Url(ct_b64u);
    if (recipient_kid <= previous || enc?.length !== 32 || ct?.length !== 48) return null;
    previous = recipient_kid;
    digest.update(u32be(recipient_kid)).update(u32be(32)).update(enc).update(u32be(48)).update(ct);
  }
  return previous < 0 ? null : digest.digest();
}

function base64Url(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  const bare = bytes.toString("base64url");
  return text === bare || text === bare.padEnd(Math.ceil(bare.length / 4) * 4, "=") ? bytes : null;
}
