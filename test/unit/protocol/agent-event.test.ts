import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import { signEvent, signingFieldsOf, verifyEvent } from "../../../src/protocol/agent-event.js";
import { CanonicalJsonError } from "../../../src/protocol/canonical-json.js";
import type { EventEnvelope } from "../../../src/protocol/envelope.js";
import { eventSigningHash } from "../../../src/protocol/event-signing.js";
import { nodeEd25519 } from "../../../src/verify/ed25519-native.js";
import { counting } from "./support.js";

const seed = counting(32, 9);
const publicKey = nodeEd25519.publicKey(seed);
const envelope = signEvent(
  {
    tenantId: "aaaaaaaa-0000-4000-8000-000000000001" as Uuid,
    storeId: "aaaaaaaa-0000-4000-8000-000000000002" as Uuid,
    eventId: "aaaaaaaa-0000-4000-8000-000000000003" as Uuid,
    sourceAgentId: "aaaaaaaa-0000-4000-8000-000000000004" as Uuid,
    agentKeyId: 3,
    entityType: "order",
    entityId: "ORD-€-1",
    eventType: "order.created",
    createdAt: "2025-12-20T17:51:10.243Z",
    payload: { b: 1, a: ["€"] },
    commandId: "aaaaaaaa-0000-4000-8000-000000000005" as Uuid,
    baseVersion: 4,
  },
  seed,
  nodeEd25519,
);

const verify = (changed: object): boolean =>
  verifyEvent({ ...envelope, ...changed } as EventEnvelope, publicKey, nodeEd25519);

describe("signed envelope", () => {
  test("has the wire members of spec §4.1, and optional ones only when given", () => {
    expect(Object.keys(envelope)).toEqual([
      "ves_version",
      "event_id",
      "tenant_id",
      "store_id",
      "source_agent_id",
      "agent_key_id",
      "entity_type",
      "entity_id",
      "event_type",
      "created_at",
      "payload_kind",
      "payload",
      "payload_plain_hash",
      "payload_cipher_hash",
      "agent_signature",
      "command_id",
      "base_version",
    ]);
    expect(envelope.agent_signature).toMatch(/^0x[0-9a-f]{128}$/);
    const { payload: _payload, ...fields } = { ...signingFieldsOf(envelope)!, payload: 0 };
    expect(signEvent({ ...fields, payload: 0 }, seed, nodeEd25519)).not.toHaveProperty("command_id");
  });

  test("verifies, also after a trip through JSON with nulls for absent members", () => {
    expect(verify({})).toBe(true);
    expect(verify(JSON.parse(JSON.stringify({ ...envelope, payload_encrypted: null })) as object)).toBe(true);
    expect(verify({ payload: { a: ["€"], b: 1.0 } })).toBe(true);
  });

  test("command_id and base_version are not signed", () => {
    expect(verify({ command_id: undefined, base_version: 99 })).toBe(true);
  });

  test.each<[string, object]>([
    ["version", { ves_version: 2 }],
    ["event id", { event_id: envelope.store_id }],
    ["tenant", { tenant_id: envelope.store_id }],
    ["store", { store_id: envelope.tenant_id }],
    ["agent", { source_agent_id: envelope.store_id }],
    ["id spelling", { event_id: envelope.event_id.toUpperCase() }],
    ["id text", { event_id: "" }],
    ["key id", { agent_key_id: 4 }],
    ["key id type", { agent_key_id: 3.5 }],
    ["negative key id", { agent_key_id: -1 }],
    ["entity type", { entity_type: "orders" }],
    ["entity id", { entity_id: "ORD-1" }],
    ["event type", { event_type: "order.updated" }],
    ["time in another spelling", { created_at: "2025-12-20T17:51:10.243+00:00" }],
    ["kind", { payload_kind: 1 }],
    ["unknown kind", { payload_kind: 2 }],
    ["payload", { payload: { b: 2, a: ["€"] } }],
    ["no payload", { payload: undefined }],
    ["null payload", { payload: null }],
    ["plain hash", { payload_plain_hash: `0x${"00".repeat(32)}` }],
    ["short plain hash", { payload_plain_hash: "0x00" }],
    ["cipher hash", { payload_cipher_hash: `0x${"01".repeat(32)}` }],
    ["signature", { agent_signature: `0x${"01".repeat(64)}` }],
    ["short signature", { agent_signature: "0x" }],
    ["both payloads", { payload_encrypted: {} }],
  ])("refuses a changed %s", (_name, change) => {
    expect(verify(change)).toBe(false);
  });

  test("refuses a plaintext event whose cipher hash is signed but not zero", () => {
    const fields = { ...signingFieldsOf(envelope)!, payloadCipherHash: counting(32) };
    const signature = nodeEd25519.sign(eventSigningHash(fields), seed);
    const changed = {
      payload_cipher_hash: `0x${toHex(fields.payloadCipherHash)}`,
      agent_signature: `0x${toHex(signature)}`,
    };
    expect(verify(changed)).toBe(false);
  });

  test("a payload that is not JSON cannot be signed", () => {
    const fields = signingFieldsOf(envelope)!;
    expect(() => signEvent({ ...fields, payload: "\ud800" }, seed, nodeEd25519)).toThrow(CanonicalJsonError);
  });
});
