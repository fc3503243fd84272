import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, type Edit, encryptedEvent, rejectionOf, setting } from "../support/rejections.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";

/** Encrypted events: each check of the structure (ves-protocol §4.5) and everything the cipher hash binds. */
describe("rejections of encrypted events", () => {
  let service: TestService;
  let agent: TestAgent;
  beforeAll(async () => {
    service = await startService();
    agent = await service.agent();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const structure: readonly [string, Edit, string | null, string][] = [
    ["payload beside it", setting("payload", {}), null, "payload must be omitted for encrypted events"],
    ["enc_version", at("enc_version", 2), "enc_version", "enc_version must be 1"],
    ["aead", at("aead", "AES"), "aead", "aead must be AES-256-GCM"],
    ["mode", at("hpke.mode", "auth"), "hpke.mode", "hpke.mode must be base"],
    ["kem", at("hpke.kem", "P256"), "hpke.kem", "hpke.kem must be X25519-HKDF-SHA256"],
    ["kdf", at("hpke.kdf", "x"), "hpke.kdf", "hpke.kdf must be HKDF-SHA256"],
    ["inner aead", at("hpke.aead", "x"), "hpke.aead", "hpke.aead must be AES-256-GCM"],
    ["nonce text", at("nonce_b64u", "!"), "nonce_b64u", "must be base64url"],
    ["nonce size", at("nonce_b64u", "AAAA"), "nonce_b64u", "nonce_b64u must decode to 12 bytes"],
    ["ciphertext text", at("ciphertext_b64u", "A+/A"), "ciphertext_b64u", "must be base64url"],
    ["no ciphertext", at("ciphertext_b64u", ""), "ciphertext_b64u", "ciphertext_b64u must not be empty"],
    ["tag text", at("tag_b64u", "AB"), "tag_b64u", "must be base64url"],
    ["tag size", at("tag_b64u", "AA"), "tag_b64u", "tag_b64u must decode to 16 bytes"],
    ["no recipients", at("recipients", []), "recipients", "recipients must not be empty"],
    [
      "recipients out of order",
      at("recipients", (list: unknown[]) => list.toReversed()),
      "recipients",
      "recipients must be sorted by recipient_kid and unique",
    ],
    [
      "a recipient twice",
      at("recipients", (list: unknown[]) => [...list, list[1]]),
      "recipients",
      "recipients must be sorted by recipient_kid and unique",
    ],
    ["enc text", at("recipients.0.enc_b64u", "?"), "recipients.enc_b64u", "must be base64url"],
    ["enc size", at("recipients.0.enc_b64u", "AA"), "recipients.enc_b64u", "enc_b64u must decode to 32 bytes"],
    ["ct text", at("recipients.1.ct_b64u", "?"), "recipients.ct_b64u", "must be base64url"],
    ["ct size", at("recipients.1.ct_b64u", "AA"), "recipients.ct_b64u", "ct_b64u must decode to 48 bytes"],
  ];

  it.each(structure)("encrypted, %s", async (_, edit, field, message) => {
    const event = await encryptedEvent(agent);
    edit(event);
    expect(await rejectionOf(event, agent)).toEqual({
      reason: `schema_validation: ${field === null ? "payload" : `payload_encrypted.${field}`}`,
      message,
    });
  });

  it("encrypted, whatever the ciphertext, tag, nonce, recipients or a bound field are changed to", async () => {
    const flip = (text: string): string => (text.startsWith("A") ? "B" : "A") + text.slice(1);
    const edits: Edit[] = [
      at("nonce_b64u", flip),
      at("ciphertext_b64u", flip),
      at("tag_b64u", flip),
      at("recipients.0.enc_b64u", flip),
      at("recipients.0.recipient_kid", 2),
      at("recipients", (list: unknown[]) => list.slice(0, 1)),
      setting("payload_plain_hash", "33".repeat(32)),
      setting("entity_id", "moved"),
      setting("payload_cipher_hash", "44".repeat(32)),
    ];
    for (const edit of edits) {
      const event = await encryptedEvent(agent);
      edit(event);
      expect(await rejectionOf(event, agent)).toEqual({
        reason: "invalid_cipher_hash",
        message: "Payload hash verification failed",
      });
    }
    expect((await agent.ingest([await encryptedEvent(agent)])).json.eventsAccepted).toBe(1);
  });

  it("encrypted, with a signature that is not the agent's over this event", async () => {
    const other = await encryptedEvent(agent);
    for (const signature of [other.agent_signature, "00".repeat(64), "55".repeat(64)]) {
      const event = await encryptedEvent(agent);
      setting("agent_signature", signature)(event);
      expect(await rejectionOf(event, agent)).toEqual({
        reason: "invalid_signature",
        message: "Agent signature verification failed: VerificationFailed",
      });
    }
  });
});
