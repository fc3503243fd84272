/** An agent of the fuzzer: signs good events, and signs over mutated ones so that odd content comes validly signed too. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { fromHex, toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import { type AgentEventFields, signEvent } from "../../../src/protocol/agent-event.js";
import { encodeBase64Url } from "../../../src/protocol/base64url.js";
import { canonicalJson, type JsonValue } from "../../../src/protocol/canonical-json.js";
import { checkEncryptedPayload } from "../../../src/protocol/check-encrypted-payload.js";
import type { EncryptedPayload } from "../../../src/protocol/envelope.js";
import { eventSigningHash, type SigningFields } from "../../../src/protocol/event-signing.js";
import { payloadAad, payloadCipherHash, payloadPlainHash } from "../../../src/protocol/payload-hash.js";
import { ed25519, TestAgent, type TestService, uuid } from "../service.js";
import type { JudgeContext } from "./judge.js";
import { type Envelope, TIMES } from "./mutate-fields.js";
import type { Random } from "./random.js";

const ACTIVE = 1;
const REVOKED = 2;
const SECOND = 3;

export class FuzzAgent {
  readonly context: JudgeContext;
  readonly #seeds: ReadonlyMap<number, Uint8Array>;
  readonly #random: Random;
  readonly #commands: string[];

  private constructor(context: JudgeContext, seeds: ReadonlyMap<number, Uint8Array>, random: Random) {
    this.context = context;
    this.#seeds = seeds;
    this.#random = random;
    this.#commands = Array.from({ length: 50 }, () => random.uuid());
  }

  /** Registers keys 1 and 3, and 2, which is revoked; 0 and 4 never exist. */
  static async register(service: TestService, random: Random): Promise<FuzzAgent> {
    const agent = new TestAgent(service, uuid(), uuid(), uuid());
    const seeds = new Map<number, Uint8Array>();
    const keys = new Map<number, { publicKey: KeyObject; isRevoked: boolean }>();
    for (const keyId of [ACTIVE, REVOKED, SECOND]) {
      const seed = random.bytes(32);
      Object.assign(agent, { keyId, seed });
      const answer = await agent.register();
      if (answer.status !== 200) throw new Error(answer.text);
      seeds.set(keyId, seed);
      const x = encodeBase64Url(ed25519.publicKey(seed));
      const publicKey = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
      keys.set(keyId, { publicKey, isRevoked: keyId === REVOKED });
    }
    const { tenantId, storeId, agentId } = agent;
    await service.post("/api/v1/agents/keys/revoke", { tenantId, agentId, keyId: REVOKED });
    return new FuzzAgent({ tenantId, storeId, agentId, keys }, seeds, random);
  }

  /** A well-formed event, signed; a tenth with a revoked key, some with commands and versions. */
  sign(): Envelope {
    const random = this.#random;
    const { tenantId, storeId, agentId } = this.context;
    const agentKeyId = random.pick([ACTIVE, ACTIVE, ACTIVE, SECOND, SECOND, SECOND, REVOKED]);
    const fields: AgentEventFields = {
      tenantId: tenantId as Uuid,
      storeId: storeId as Uuid,
      eventId: random.uuid() as Uuid,
      sourceAgentId: agentId as Uuid,
      agentKeyId,
      entityType: random.pick(["order", "stock", "ünïcode\u{1f4e6}"]),
      entityId: `e${random.below(1000)}`,
      eventType: random.pick(["order.created", "stock.moved"]),
      createdAt: random.pick(TIMES.slice(0, 5)),
      ...(random.chance(0.1) ? { commandId: random.pick(this.#commands) as Uuid } : {}),
      ...(random.chance(0.1) ? { baseVersion: random.below(3) } : {}),
    };
    const payload = random.chance(0.2) ? this.#encrypt(fields) : { payload: this.#payload() };
    return { ...signEvent({ ...fields, ...payload }, this.#seeds.get(agentKeyId)!, ed25519) };
  }

  #payload(): JsonValue {
    const random = this.#random;
    const total = random.below(1e6) / 100;
    return random.pick<JsonValue>([
      { total, currency: "EUR" },
      { z: [1, { é: "\u{1f600}\0" }], a: -0 },
      [total],
      total,
      "text",
      false,
      {},
    ]);
  }

  /** Random bytes serve as well as real ciphertext: the sequencer cannot tell. */
  #encrypt(fields: AgentEventFields) {
    const random = this.#random;
    const bytes = (length: number): string => encodeBase64Url(random.bytes(length));
    const recipients = [1, 5, 9]
      .slice(random.below(3))
      .map((recipient_kid) => ({ recipient_kid, enc_b64u: bytes(32), ct_b64u: bytes(48) }));
    const encrypted: EncryptedPayload = {
      enc_version: 1,
      aead: "AES-256-GCM",
      nonce_b64u: bytes(12),
      ciphertext_b64u: bytes(1 + random.below(40)),
      tag_b64u: bytes(16),
      hpke: { mode: "base", kem: "X25519-HKDF-SHA256", kdf: "HKDF-SHA256", aead: "AES-256-GCM" },
      recipients,
    };
    const plainHash = random.bytes(32);
    const parts = checkEncryptedPayload(encrypted);
    if ("field" in parts) throw new Error(parts.message);
    return { encrypted, plainHash, cipherHash: payloadCipherHash(parts, payloadAad(fields, plainHash)) };
  }

  /** The event with hashes and signature made to fit its content; as it was where that cannot be done. */
  resign(event: Envelope): Envelope {
    try {
      return this.#resigned({ ...event });
    } catch {
      return event;
    }
  }

  #resigned(event: Envelope): Envelope {
    const fields = {
      vesVersion: event.ves_version,
      tenantId: event.tenant_id,
      storeId: event.store_id,
      eventId: event.event_id,
      sourceAgentId: event.source_agent_id,
      agentKeyId: event.agent_key_id,
      entityType: event.entity_type,
      entityId: event.entity_id,
      eventType: event.event_type,
      createdAt: event.created_at,
      payloadKind: event.payload_kind,
      payloadPlainHash: fromHex(event.payload_plain_hash as string, 32)!,
      payloadCipherHash: fromHex(event.payload_cipher_hash as string, 32)!,
    } as SigningFields;
    const hashes = { payloadPlainHash: fields.payloadPlainHash, payloadCipherHash: fields.payloadCipherHash };
    if (event.payload_kind === 0) hashes.payloadPlainHash = payloadPlainHash(canonicalJson(event.payload as JsonValue));
    else {
      const parts = checkEncryptedPayload(event.payload_encrypted as EncryptedPayload);
      if (!("field" in parts))
        hashes.payloadCipherHash = payloadCipherHash(parts, payloadAad(fields, hashes.payloadPlainHash));
    }
    event.payload_plain_hash = `0x${toHex(hashes.payloadPlainHash)}`;
    event.payload_cipher_hash = `0x${toHex(hashes.payloadCipherHash)}`;
    const digest = eventSigningHash({ ...fields, ...hashes });
    event.agent_signature = `0x${toHex(ed25519.sign(digest, this.#seeds.get(event.agent_key_id as number)!))}`;
    return event;
  }
}
