import { describe, expect, test } from "vitest";
import { encodeBase64Url } from "../../../src/protocol/base64url.js";
import { checkEncryptedPayload } from "../../../src/protocol/check-encrypted-payload.js";
import type { EncryptedPayload, Recipient } from "../../../src/protocol/envelope.js";

const recipient = (kid: number): Recipient => ({
  recipient_kid: kid,
  enc_b64u: encodeBase64Url(new Uint8Array(32).fill(4)),
  ct_b64u: encodeBase64Url(new Uint8Array(48).fill(6)),
});

const valid: EncryptedPayload = {
  enc_version: 1,
  aead: "AES-256-GCM",
  nonce_b64u: encodeBase64Url(new Uint8Array(12).fill(1)),
  ciphertext_b64u: encodeBase64Url(new Uint8Array(24).fill(2)),
  tag_b64u: encodeBase64Url(new Uint8Array(16).fill(3)),
  hpke: { mode: "base", kem: "X25519-HKDF-SHA256", kdf: "HKDF-SHA256", aead: "AES-256-GCM" },
  recipients: [recipient(1), recipient(2)],
};

describe("structure of payload_encrypted (spec §4.5)", () => {
  test("a valid one gives its bytes", () => {
    expect(checkEncryptedPayload(valid)).toEqual({
      nonce: new Uint8Array(12).fill(1),
      ciphertext: new Uint8Array(24).fill(2),
      tag: new Uint8Array(16).fill(3),
      recipients: [1, 2].map((kid) => ({
        kid,
        enc: new Uint8Array(32).fill(4),
        ct: new Uint8Array(48).fill(6),
      })),
    });
    expect(checkEncryptedPayload({ ...valid, tag_b64u: `${valid.tag_b64u}==` })).toHaveProperty("tag");
    expect(checkEncryptedPayload({ ...valid, recipients: [recipient(0), recipient(4_294_967_295)] })).toHaveProperty(
      "nonce",
    );
  });

  // In the order of the checks: each row also breaks everything below it, so that the order is proven too.
  const rows: [Partial<EncryptedPayload>, string, string][] = [
    [{ enc_version: 2 }, "enc_version", "enc_version must be 1"],
    [{ aead: "AES-128-GCM" }, "aead", "aead must be AES-256-GCM"],
    [{ hpke: { ...valid.hpke, mode: "hybrid-base" } }, "hpke.mode", "hpke.mode must be base"],
    [{ hpke: { ...valid.hpke, kem: "mlkem768" } }, "hpke.kem", "hpke.kem must be X25519-HKDF-SHA256"],
    [{ hpke: { ...valid.hpke, kdf: "HKDF-SHA512" } }, "hpke.kdf", "hpke.kdf must be HKDF-SHA256"],
    [{ hpke: { ...valid.hpke, aead: "x" } }, "hpke.aead", "hpke.aead must be AES-256-GCM"],
    [{ nonce_b64u: "!" }, "nonce_b64u", "must be base64url"],
    [{ nonce_b64u: "AAAA" }, "nonce_b64u", "nonce_b64u must decode to 12 bytes"],
    [{ ciphertext_b64u: "A" }, "ciphertext_b64u", "must be base64url"],
    [{ ciphertext_b64u: "" }, "ciphertext_b64u", "ciphertext_b64u must not be empty"],
    [{ tag_b64u: "A+==" }, "tag_b64u", "must be base64url"],
    [{ tag_b64u: "" }, "tag_b64u", "tag_b64u must decode to 16 bytes"],
    [{ recipients: [] }, "recipients", "recipients must not be empty"],
    [sorted(2, 1), "recipients", "recipients must be sorted by recipient_kid and unique"],
    [sorted(1, 1), "recipients", "recipients must be sorted by recipient_kid and unique"],
    [one({ enc_b64u: "*" }), "recipients.enc_b64u", "must be base64url"],
    [one({ enc_b64u: "AA" }), "recipients.enc_b64u", "enc_b64u must decode to 32 bytes"],
    [one({ ct_b64u: "*" }), "recipients.ct_b64u", "must be base64url"],
    [one({ ct_b64u: "AA" }), "recipients.ct_b64u", "ct_b64u must decode to 48 bytes"],
  ];

  test.each(rows.map((row, index) => [row[2], index] as const))("%s", (_message, index) => {
    const [change, field, message] = rows[index]!;
    const problem = { field: `payload_encrypted.${field}`, message };
    expect(checkEncryptedPayload({ ...valid, ...change })).toEqual(problem);
    const everythingAfter = Object.assign(
      {},
      ...rows
        .slice(index)
        .reverse()
        .map((row) => row[0]),
    );
    const hpke = { ...everythingAfter.hpke, ...change.hpke };
    const broken = { ...valid, ...everythingAfter, ...change, ...(change.hpke ? { hpke } : {}) };
    expect(checkEncryptedPayload(broken)).toEqual(problem);
  });
});

function sorted(...kids: number[]): Partial<EncryptedPayload> {
  return { recipients: kids.map(recipient) };
}

function one(change: Partial<Recipient>): Partial<EncryptedPayload> {
  return { recipients: [{ ...recipient(1), ...change }] };
}
