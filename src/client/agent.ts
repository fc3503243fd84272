/** One agent's key at work: it fills, encrypts and signs envelopes. The seed stays in this object and travels nowhere. */
import { fromHex } from "../base/bytes.js";
import { parseUuid, timeOrderedUuid, type Uuid } from "../base/ids.js";
import { type AgentEventFields, signEvent, signingFieldsOf } from "../protocol/agent-event.js";
import { canonicalJson, type JsonValue } from "../protocol/canonical-json.js";
import { type Ed25519, SEED_BYTES } from "../protocol/ed25519.js";
import { decryptPayload, EncryptionError, type EncryptionRecipient, encryptPayload } from "../protocol/encryption.js";
import { AGENT_KEY_ID_MAX, type EventEnvelope } from "../protocol/envelope.js";
import type { AgentKeyRegistered } from "./agent-keys.js";
import type { SubmitResult } from "./answers.js";
import { proofOfPossession } from "./signing-key.js";

export interface AgentOptions {
  readonly tenantId: string;
  readonly storeId: string;
  readonly agentId: string;
  /** Number of the signing key, as registered. */
  readonly keyId: number;
  /** Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array;
}

export interface EventInput {
  /** 1 to 128 bytes of UTF-8. */
  readonly entityType: string;
  /** 1 to 512 bytes. */
  readonly entityId: string;
  /** 1 to 256 bytes. */
  readonly eventType: string;
  /** Any JSON value but null. */
  readonly payload: JsonValue;
  /** One intent, one event: a second event with the same command is rejected. Not signed. */
  readonly commandId?: string;
  /** Accepted only while the entity is at this version, a whole number from 0. Not signed. */
  readonly baseVersion?: number;
  /** RFC 3339. Default: now. */
  readonly createdAt?: string;
  /** Default: a UUIDv7 of now. Ids that grow with time are stored at less cost than random ones. */
  readonly eventId?: string;
}

/** What an agent needs of the client it was made by. */
export interface AgentLink {
  readonly ed25519: Ed25519;
  nowMs(): number;
  submit(
    envelopes: readonly EventEnvelope[],
    options: { agentId: string; signal?: AbortSignal | undefined },
  ): Promise<SubmitResult>;
  registerAgentKey(
    registration: {
      tenantId: string;
      agentId: string;
      keyId: number;
      publicKey: Uint8Array;
      proofOfPossession: Uint8Array;
    },
    options: { signal?: AbortSignal | undefined },
  ): Promise<AgentKeyRegistered>;
}

export class Agent {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly agentId: Uuid;
  readonly keyId: number;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #link: AgentLink;

  /** Throws `TypeError` for an id that is no UUID, a key id that is no u31, a seed that is not 32 bytes. */
  constructor({ tenantId, storeId, agentId, keyId, seed }: AgentOptions, link: AgentLink) {
    if (seed.length !== SEED_BYTES) throw new TypeError(`seed must be ${SEED_BYTES} bytes`);
    if (!Number.isInteger(keyId) || keyId < 0 || keyId > AGENT_KEY_ID_MAX) throw new TypeError("keyId is out of range");
    this.tenantId = uuidOf("tenantId", tenantId);
    this.storeId = uuidOf("storeId", storeId);
    this.agentId = uuidOf("agentId", agentId);
    this.keyId = keyId;
    this.#seed = seed.slice();
    this.#link = link;
    this.publicKey = link.ed25519.publicKey(this.#seed);
  }

  /**
   * The signed envelope of a payload in clear: JSON that may be kept for as long as need be. Throws `CanonicalJsonError` for a
   * payload that has no canonical form, `TypeError` for an id or a version that is none.
   */
  sign(input: EventInput): EventEnvelope {
    // A copy: an object that is changed before the envelope is sent would no longer be what was signed.
    const payload = JSON.parse(canonicalJson(input.payload)) as JsonValue;
    return signEvent({ ...this.#fieldsOf(input), payload }, this.#seed, this.#link.ed25519);
  }

  /** The signed envelope of a payload that only the recipients can read. Throws `EncryptionError` as well. */
  async encrypt(input: EventInput, recipients: readonly EncryptionRecipient[]): Promise<EventEnvelope> {
    const fields = this.#fieldsOf(input);
    const sealed = await encryptPayload({ payload: input.payload, aadFields: fields, recipients });
    return signEvent({ ...fields, ...sealed }, this.#seed, this.#link.ed25519);
  }

  /** See `SequencerClient.submit`. */
  submit(
    envelopes: readonly EventEnvelope[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<SubmitResult> {
    return this.#link.submit(envelopes, { agentId: this.agentId, signal: options.signal });
  }

  /** Registers this agent's signing key under `keyId`. */
  registerKey({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<AgentKeyRegistered> {
    const registration = {
      tenantId: this.tenantId,
      agentId: this.agentId,
      keyId: this.keyId,
      publicKey: this.publicKey,
      proofOfPossession: proofOfPossession(this.#seed),
    };
    return this.#link.registerAgentKey(registration, { signal });
  }

  #fieldsOf(input: EventInput): AgentEventFields {
    const nowMs = this.#link.nowMs();
    return {
      tenantId: this.tenantId,
      storeId: this.storeId,
      eventId: input.eventId === undefined ? timeOrderedUuid(nowMs) : uuidOf("eventId", input.eventId),
      sourceAgentId: this.agentId,
      agentKeyId: this.keyId,
      entityType: input.entityType,
      entityId: input.entityId,
      eventType: input.eventType,
      createdAt: input.createdAt ?? new Date(nowMs).toISOString(),
      ...(input.commandId === undefined ? {} : { commandId: uuidOf("commandId", input.commandId) }),
      ...(input.baseVersion === undefined ? {} : { baseVersion: versionOf(input.baseVersion) }),
    };
  }
}

/** Who opens an encrypted event: the number it was sealed under and the X25519 secret key, 32 bytes. */
export interface DecryptionKey {
  readonly kid: number;
  readonly secretKey: Uint8Array;
}

/** The payload of an encrypted event, checked against the hash the agent signed. Throws `EncryptionError`. */
export async function decryptEvent(envelope: EventEnvelope, key: DecryptionKey): Promise<JsonValue> {
  const fields = signingFieldsOf(envelope);
  const { payload_encrypted: encrypted } = envelope;
  if (fields === null || !encrypted) throw new EncryptionError("InvalidEncryptedPayload", "not an encrypted event");
  const plainHash = fromHex(envelope.payload_plain_hash, 32)!;
  return decryptPayload({ encrypted, aadFields: fields, plainHash, ...key });
}

function uuidOf(name: string, text: string): Uuid {
  const id = parseUuid(text);
  if (id === null) throw new TypeError(`${name} must be a UUID`);
  return id;
}

/** JSON writes NaN and infinities as null, which asks for no version at all. */
function versionOf(version: number): number {
  if (Number.isSafeInteger(version) && version >= 0) return version;
  throw new TypeError("baseVersion must be a whole number from 0");
}
