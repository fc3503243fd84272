/** Random work for the lane in a world so small that everything collides: ids, commands, versions, streams, keys. */
import { createHash } from "node:crypto";
import { type Uuid, uuidFromBytes } from "../../src/base/ids.js";
import type { LaneItem } from "../../src/lane/lane-item.js";
import { type AgentKeyRef, KEY_PURPOSE_ENCRYPTION, KEY_PURPOSE_SIGNING } from "../../src/store/contract.js";
import type { LegacyRequest } from "../../src/verify/legacy-request.js";
import type { CheckedEvent, VerifiedRequest } from "../../src/verify/verified-request.js";
import { Random } from "./fuzz/random.js";

/** The epoch of a request whose keys were read too long ago to be trusted: the lane looks again. */
export const STALE_EPOCH = 0xffff_ffff;

const id = (name: string): Uint8Array => createHash("sha256").update(name).digest().subarray(0, 16);
const uuidOf = (name: string): Uuid => uuidFromBytes(id(name));

export function laneItems(random: Random, count: number): LaneItem[] {
  return Array.from({ length: count }, (_, index) => laneItem(random, index + 1));
}

function laneItem(random: Random, requestId: number): LaneItem {
  if (random.chance(0.55)) return { kind: "ingest", request: request(random, requestId) };
  if (random.chance(0.4)) return { kind: "ingest_legacy", request: legacyRequest(random, requestId) };
  const apiKey = apiKeyHash(random);
  const asked = { requestId, by: random.chance(0.2) ? apiKeyHash(random) : null };
  const register = (): LaneItem => {
    const voucher = random.chance(0.3) ? keyRef(random) : null;
    return { kind: "register_agent_key", ...asked, key: registration(random), voucher };
  };
  return random.pick<() => LaneItem>([
    () => ({ kind: "revoke_agent_key", ...asked, ref: keyRef(random), reason: random.pick([null, "lost"]) }),
    register,
    register,
    () => ({ kind: "create_api_key", ...asked, key: newApiKey(apiKey) }),
    () => ({ kind: "revoke_api_key", ...asked, keyHash: apiKey }),
  ])();
}

function apiKeyHash(random: Random): string {
  return createHash("sha256")
    .update(`api ${random.below(3)}`)
    .digest("hex");
}

function keyRef(random: Random): AgentKeyRef {
  const purpose = random.pick([KEY_PURPOSE_SIGNING, KEY_PURPOSE_SIGNING, KEY_PURPOSE_ENCRYPTION] as const);
  return {
    tenantId: uuidOf(`tenant ${random.below(2)}`),
    agentId: uuidOf(`agent ${random.below(2)}`),
    purpose,
    keyId: 1 + random.below(4),
  };
}

function registration(random: Random) {
  const ref = keyRef(random);
  const keyId = random.pick([null, null, ref.keyId, 2 ** 31 - 2]);
  return { ...ref, keyId, publicKey: random.bytes(32), validFromMs: null, validToMs: random.pick([null, 5]) };
}

function newApiKey(keyHash: string) {
  const may = { canRead: true, canWrite: true, canAdmin: false };
  return { keyHash, tenantId: uuidOf("tenant 0"), storeIds: [], agentId: null, ...may, label: null };
}

/** Ids mostly belong to one place and mostly have one content, so that replays are as common as collisions. */
function request(random: Random, requestId: number): VerifiedRequest {
  const place = random.below(8);
  const tenantId = uuidOf(`tenant ${place >> 2}`);
  const storeId = uuidOf(`store ${(place >> 1) & 1}`);
  const agentId = uuidOf(`agent ${place & 1}`);
  const seen = new Set<string>();
  const events = Array.from({ length: 1 + random.below(6) }, (): CheckedEvent => {
    const name = `event ${random.chance(0.85) ? 8 * random.below(8) + place : random.below(64)}`;
    if (!seen.has(name)) {
      seen.add(name);
      return event(random, name, tenantId + storeId + agentId);
    }
    const message = `Event ${uuidOf(name)} duplicated in batch`;
    return { stage: "refused", eventId: id(name), repeated: true, reason: "duplicate_event_id", message };
  });
  return {
    requestId,
    batchId: uuidOf(`batch ${requestId}`),
    tenantId,
    storeId,
    agentId,
    keyEpoch: STALE_EPOCH,
    events,
  };
}

/** The same places, entities, commands and mostly other ids than the signed events'. */
function legacyRequest(random: Random, requestId: number): LegacyRequest {
  const place = random.below(4);
  const tenantId = uuidOf(`tenant ${place >> 1}`);
  const storeId = uuidOf(`store ${place & 1}`);
  const events = Array.from({ length: random.below(6) }, (): LegacyRequest["events"][number] => {
    const name = random.chance(0.9) ? `legacy ${random.below(48)}` : `event ${random.below(64)}`;
    const eventId = id(name);
    if (random.chance(0.1)) return { stage: "refused", eventId, reason: "SchemaValidation", message: "no schema" };
    const { agentKeyId: _, command, ...fields } = contentOf(random);
    const envelope = Buffer.from(JSON.stringify({ name, ...fields }));
    const eventHash = createHash("sha256").update(envelope).digest();
    const commandId = command === null ? null : id(command);
    const isPayloadIntact = random.chance(0.9);
    return {
      ...{ stage: "admitted", eventId, ...fields, commandId, payloadHash: eventHash, isPayloadIntact },
      ...{ eventHash, envelope },
    };
  });
  const by = random.chance(0.2) ? apiKeyHash(random) : null;
  return { requestId, batchId: uuidOf(`batch ${requestId}`), tenantId, storeId, by, events };
}

function event(random: Random, name: string, place: string): CheckedEvent {
  const eventId = id(name);
  if (random.chance(0.1))
    return { stage: "refused", eventId, repeated: false, reason: "invalid_signature", message: "no" };
  const content = contentOf(new Random(id(`${name} ${Number(random.chance(0.2))}`)[0]!));
  const envelope = Buffer.from(JSON.stringify({ name, place, ...content }));
  if (random.chance(0.05)) {
    const message = "Agent key not found";
    return { stage: "unproven", eventId, envelope, reason: `agent_key_invalid: ${message}`, message };
  }
  const { command, ...fields } = content;
  const signingHash = createHash("sha256").update(envelope).digest();
  const agentSignature = createHash("sha512").update(envelope).digest();
  const commandId = command === null ? null : id(command);
  return { stage: "verified", eventId, ...fields, commandId, signingHash, agentSignature, envelope };
}

function contentOf(random: Random) {
  return {
    agentKeyId: 1 + random.below(3),
    entityType: random.pick(["a", "ab"]),
    entityId: random.pick(["bc", "c"]),
    eventType: random.pick(["created", "changed"]),
    command: random.chance(0.3) ? `command ${random.below(8)}` : null,
    baseVersion: random.chance(0.3) ? String(random.below(5)) : null,
  };
}
