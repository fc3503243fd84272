import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import { signEvent, verifyEvent } from "../../../src/protocol/agent-event.js";
import { decodeBase64Url, encodeBase64Url } from "../../../src/protocol/base64url.js";
import { CanonicalJsonError, canonicalJson, type JsonValue } from "../../../src/protocol/canonical-json.js";
import { nobleEd25519 } from "../../../src/protocol/ed25519.js";
import {
  decryptPayload,
  EncryptionError,
  type EncryptionErrorCode,
  encryptPayload,
  generateEncryptionKeyPair,
} from "../../../src/protocol/encryption.js";
import type { EncryptedPayload } from "../../../src/protocol/envelope.js";
import { type AadFields, payloadAad, payloadPlainHash } from "../../../src/protocol/payload-hash.js";
import { counting, golden, hex } from "./support.js";

const ALICE = {
  kid: 1,
  publicKey: hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
  secretKey: hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
};

const aadFields: AadFields = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
  eventId: "11111111-1111-1111-1111-111111111111" as Uuid,
  sourceAgentId: "22222222-2222-2222-2222-222222222222" as Uuid,
  agentKeyId: 1,
  entityType: "InventoryItem",
  entityId: "WIDGET-001",
  eventType: "InventoryAdjusted",
  createdAt: "2025-01-01T00:00:00Z",
};
const payload = { delta: 100, reason: "shipment_receive", location_bin: "A-12" };

/** Salt, content key and nonce of the golden case; every later request counts up from 7. */
function goldenRandom(): (lengthBytes: number) => Uint8Array {
  const fixed = [counting(16, 1), counting(32), counting(12)];
  return (lengthBytes) => fixed.shift() ?? counting(lengthBytes, 7);
}

describe("golden encryption", () => {
  test("full_encryption: hashes, ciphertext, tag", async () => {
    const result = await encryptPayload({ payload, aadFields, recipients: [ALICE], random: goldenRandom() });
    expect(toHex(result.plainHash)).toBe("fd317f62d6d9a953f7b405776a2061ef400a606c9de38d21c6fe83a500a1f355");
    expect(toHex(result.aad)).toBe("f7092a50f8f9ec82a0e45778c154fdb0256720e9cf6e3115f8b88c571098f9b1");
    expect(toHex(decodeBase64Url(result.encrypted.ciphertext_b64u)!)).toBe(
      "4600d51fc0e3c513844b9c87bce7777df8f4e3519c0f3e5e0256d5b5314b6cdd6271da95c0af4dfa1dca5dd7aac60509dc7b4caf28b3c2a950f908233a909d878051a314a78e54047f31c3188aad73",
    );
    expect(toHex(decodeBase64Url(result.encrypted.tag_b64u)!)).toBe("5608844c71f585812eb8c1ef059b841c");
    const again = await encryptPayload({ payload, aadFields, recipients: [ALICE], random: goldenRandom() });
    expect(again).toEqual(result);
  });

  test("the pinned HPKE wrap opens to the content key 00..1f", async () => {
    const plainHash = new Uint8Array(32).fill(9);
    const fields = { ...aadFields, eventType: "Adjusted" };
    const sealed = await sealWith(counting(32), payloadAad(fields, plainHash), new Uint8Array(20));
    const encrypted = envelopeOf(sealed, {
      enc_b64u: golden["G2 pinned enc_b64u"]!,
      ct_b64u: golden["G2 pinned ct_b64u"]!,
    });
    // Twenty zero bytes are no payload: reaching that complaint proves that both layers opened.
    await expectCode("InvalidPlaintext", decryptPayload({ encrypted, aadFields: fields, plainHash, ...ALICE }));
  });
});

describe("round trip", () => {
  test("every recipient opens it, sorted by kid; the signed envelope verifies", async () => {
    const pairs = await Promise.all([generateEncryptionKeyPair(), generateEncryptionKeyPair()]);
    const recipients = [
      { kid: 4_000_000_000, publicKey: pairs[0].publicKey },
      { kid: 7, publicKey: pairs[1].publicKey },
      ALICE,
    ];
    const result = await encryptPayload({ payload, aadFields, recipients });
    expect(result.encrypted.recipients.map(({ recipient_kid }) => recipient_kid)).toEqual([1, 7, 4_000_000_000]);
    const secrets = [
      { kid: 4_000_000_000, secretKey: pairs[0].secretKey },
      { kid: 7, secretKey: pairs[1].secretKey },
      ALICE,
    ];
    for (const { kid, secretKey } of secrets) {
      const request = { encrypted: result.encrypted, aadFields, plainHash: result.plainHash, kid, secretKey };
      expect(await decryptPayload(request)).toEqual(payload);
    }
    const seed = counting(32);
    const envelope = signEvent({ ...aadFields, ...result }, seed, nobleEd25519);
    expect(envelope.payload_kind).toBe(1);
    expect(envelope).not.toHaveProperty("payload");
    expect(verifyEvent(envelope, nobleEd25519.publicKey(seed), nobleEd25519)).toBe(true);
  });

  test.each<[JsonValue]>([[0], [""], ["€😀\u0000"], [[1e21, -0, null]], [{}]])("payload %j", async (value) => {
    const { encrypted, plainHash } = await encryptPayload({ payload: value, aadFields, recipients: [ALICE] });
    const opened = await decryptPayload({ encrypted, aadFields, plainHash, ...ALICE });
    expect(canonicalJson(opened)).toBe(canonicalJson(value));
  });

  test("the plain hash is over the re-canonicalised payload, not over the bytes that were sealed", async () => {
    const salt = counting(16, 1);
    const plainHash = payloadPlainHash('{"a":1,"b":2}', salt);
    const aad = payloadAad(aadFields, plainHash);
    const text = new TextEncoder().encode(' {"b":2.0, "a":1}');
    const opened = await decryptWithPlainHash(plainHash, aad, Uint8Array.of(...salt, ...text));
    expect(opened).toEqual({ a: 1, b: 2 });
  });
});

describe("refusals", () => {
  const encrypt = () => encryptPayload({ payload, aadFields, recipients: [ALICE], random: goldenRandom() });

  test("recipients", async () => {
    await expectCode("NoRecipients", encryptPayload({ payload, aadFields, recipients: [] }));
    await expectCode("DuplicateRecipient", encryptPayload({ payload, aadFields, recipients: [ALICE, ALICE] }));
    for (const publicKey of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(32)]) {
      await expectCode(
        "InvalidRecipientKey",
        encryptPayload({ payload, aadFields, recipients: [{ kid: 1, publicKey }] }),
      );
    }
    const lone = encryptPayload({ payload: "\ud800", aadFields, recipients: [ALICE] });
    await expect(lone).rejects.toBeInstanceOf(CanonicalJsonError);
  });

  test("another recipient, another key, another event, another plain hash", async () => {
    const { encrypted, plainHash } = await encrypt();
    const request = { encrypted, aadFields, plainHash, ...ALICE };
    const other = await generateEncryptionKeyPair();
    await expectCode("RecipientNotFound", decryptPayload({ ...request, kid: 2 }));
    await expectCode("KeyUnwrapFailed", decryptPayload({ ...request, secretKey: other.secretKey }));
    await expectCode("KeyUnwrapFailed", decryptPayload({ ...request, secretKey: new Uint8Array(5) }));
    // The aad is also the HPKE info, so that a changed field already stops the unwrap.
    await expectCode("KeyUnwrapFailed", decryptPayload({ ...request, aadFields: { ...aadFields, entityId: "W" } }));
    await expectCode("KeyUnwrapFailed", decryptPayload({ ...request, plainHash: new Uint8Array(32) }));
  });

  test("damaged ciphertext, tag, nonce and structure", async () => {
    const { encrypted, plainHash } = await encrypt();
    for (const member of ["ciphertext_b64u", "tag_b64u", "nonce_b64u"] as const) {
      const bytes = decodeBase64Url(encrypted[member])!;
      bytes[0]! ^= 1;
      const damaged = { ...encrypted, [member]: encodeBase64Url(bytes) };
      await expectCode("DecryptionFailed", decryptPayload({ encrypted: damaged, aadFields, plainHash, ...ALICE }));
    }
    const wrongVersion = { ...encrypted, enc_version: 2 };
    await expectCode(
      "InvalidEncryptedPayload",
      decryptPayload({ encrypted: wrongVersion, aadFields, plainHash, ...ALICE }),
    );
  });

  test("a plaintext that is short, not JSON, or not what was hashed", async () => {
    const plainHash = new Uint8Array(32).fill(9);
    const aad = payloadAad(aadFields, plainHash);
    const salt = counting(16);
    const open = (...plaintext: number[]) => decryptWithPlainHash(plainHash, aad, Uint8Array.from(plaintext));
    await expectCode("InvalidPlaintext", open(...salt.subarray(0, 15)));
    await expectCode("InvalidPlaintext", open(...salt));
    await expectCode("InvalidPlaintext", open(...salt, 0xff));
    await expectCode("InvalidPlaintext", open(...salt, ...new TextEncoder().encode('"\\ud800"')));
    await expectCode("PayloadHashMismatch", open(...salt, ...new TextEncoder().encode("{}")));
  });
});

async function expectCode(code: EncryptionErrorCode, result: Promise<unknown>): Promise<void> {
  const error = await result.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EncryptionError);
  expect((error as EncryptionError).code).toBe(code);
}

/** Opens `plaintext` sealed as an agent that hashes something else would have sealed it. */
async function decryptWithPlainHash(plainHash: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<JsonValue> {
  const contentKey = counting(32);
  const { AeadId, CipherSuite, KdfId, KemId } = await import("hpke-js");
  const suite = new CipherSuite({
    kem: KemId.DhkemX25519HkdfSha256,
    kdf: KdfId.HkdfSha256,
    aead: AeadId.Aes256Gcm,
  });
  const recipientPublicKey = await suite.kem.deserializePublicKey(new Uint8Array(ALICE.publicKey).buffer);
  const sender = await suite.createSenderContext({ recipientPublicKey, info: new Uint8Array(aad).buffer });
  const ct = await sender.seal(new Uint8Array(contentKey).buffer);
  const encrypted = envelopeOf(await sealWith(contentKey, aad, plaintext), {
    enc_b64u: encodeBase64Url(new Uint8Array(sender.enc)),
    ct_b64u: encodeBase64Url(new Uint8Array(ct)),
  });
  return decryptPayload({ encrypted, aadFields, plainHash, ...ALICE });
}

async function sealWith(contentKey: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", new Uint8Array(contentKey), "AES-GCM", false, ["encrypt"]);
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: new Uint8Array(aad) };
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, key, new Uint8Array(plaintext)));
}

function envelopeOf(sealed: Uint8Array, wrap: { enc_b64u: string; ct_b64u: string }): EncryptedPayload {
  return {
    enc_version: 1,
    aead: "AES-256-GCM",
    nonce_b64u: encodeBase64Url(new Uint8Array(12)),
    ciphertext_b64u: encodeBase64Url(sealed.subarray(0, -16)),
    tag_b64u: encodeBase64Url(sealed.subarray(-16)),
    hpke: { mode: "base", kem: "X25519-HKDF-SHA256", kdf: "HKDF-SHA256", aead: "AES-256-GCM" },
    recipients: [{ recipient_kid: 1, ...wrap }],
  };
}
