import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { signEvent } from "../../../src/protocol/agent-event.js";
import type { JsonValue } from "../../../src/protocol/canonical-json.js";
import type { EventEnvelope } from "../../../src/protocol/envelope.js";
import { type AgentKey, KEY_PURPOSE_SIGNING } from "../../../src/store/contract.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import type { Scope } from "../../../src/verify/scope.js";
import { StoredFormReader } from "../../../src/verify/stored-form.js";
import { verifyRequest } from "../../../src/verify/verify-request.js";
import { TEST_SEED } from "../../support/seed.js";

/**
 * An event written as it is stored is read in a way of its own. Whatever that way takes, the other reads just the same: a
 * blank after the first brace sends any event the other way and changes nothing of its meaning.
 */
const ed25519 = selectEd25519();
const NOW_MS = Date.UTC(2026, 10, 21);
const SCOPE: Scope = { tenantId: null, storeIds: [], agentId: null, canRead: true, canWrite: true, canAdmin: true };

const agent = { tenantId: randomUUID() as Uuid, storeId: randomUUID() as Uuid, agentId: randomUUID() as Uuid };
const agentSeed = randomBytes(32);
const KEY: AgentKey = {
  ...{ tenantId: agent.tenantId, agentId: agent.agentId, purpose: KEY_PURPOSE_SIGNING, keyId: 1 },
  ...{ publicKey: ed25519.publicKey(agentSeed), validFromMs: null, validToMs: null },
  ...{ revokedAtMs: null, revokeReason: null, createdAtMs: NOW_MS },
};

function signed(payload: JsonValue, names: Partial<{ entityId: string; commandId: Uuid; baseVersion: number }> = {}) {
  const { tenantId, storeId, agentId: sourceAgentId } = agent;
  const entity = { entityType: "order", entityId: "order-1", eventType: "order.confirmed" };
  const ids = { tenantId, storeId, sourceAgentId, agentKeyId: 1, eventId: randomUUID() as Uuid };
  const createdAt = new Date(NOW_MS).toISOString();
  return signEvent({ ...ids, ...entity, createdAt, ...names, payload }, agentSeed, ed25519);
}

/** Everything verification says of these events, bytes as hex. `key` null = the signature is not looked at. */
function outcome(events: string, key: AgentKey | null): unknown {
  const body = Buffer.from(`{"agentId":"${agent.agentId}","events":[${events}]}`);
  const given = verifyRequest(
    { requestId: 1, batchId: agent.agentId, scope: SCOPE, body },
    {
      limits: { eventsPerBatchMax: 10, eventPayloadBytesMax: 1 << 20 },
      rules: { entityTypes: [], futureMsMax: 1000, isSchemaRequired: false },
      ...{ ed25519, nowMs: NOW_MS, keyEpoch: 0, findKey: () => key },
    },
  );
  if (given.kind !== "refused") return plain(given);
  const { code, message, extras } = given.error;
  return { code, message, extras };
}

function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, name, member: unknown) {
      const bytes = this[name];
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("hex") : member;
    }),
  );
}

function expectSameEitherWay(event: string): unknown {
  const elsewhere = `{ ${event.slice(1)}`;
  const read = outcome(event, null);
  expect(read).toEqual(outcome(elsewhere, null));
  expect(outcome(event, KEY)).toEqual(outcome(elsewhere, KEY));
  // After an event that was read the fast way, and before one.
  const other = JSON.stringify(signed({ a: 1 }));
  expect(outcome(`${other},${event},${other}`, KEY)).toEqual(outcome(`${other},${elsewhere},${other}`, KEY));
  // And after itself: what the fast way gave up on leaves nothing behind.
  expect(outcome(`${event},${event}`, KEY)).toEqual(outcome(`${elsewhere},${elsewhere}`, KEY));
  return read;
}

/** The same id in another spelling. */
const upperCase = (id: string): string => id.replace(/[a-f]/g, (letter) => letter.toUpperCase());

const isTaken = (event: string): boolean => new StoredFormReader(event.length).read(event, 0, 2) !== null;

const jsonPayload = fc
  .jsonValue({ stringUnit: "binary" })
  .filter((value) => value !== null)
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);

describe("an event in stored form", () => {
  it("is read as any other, whatever its payload, names and options are", () => {
    const names = fc.record(
      {
        entityId: fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
        commandId: fc.uuid() as fc.Arbitrary<Uuid>,
        baseVersion: fc.maxSafeNat(),
      },
      { requiredKeys: [] },
    );
    const property = fc.property(jsonPayload, names, fc.nat(2), (payload, options, indent) => {
      const event = signed(payload, options);
      const text = JSON.stringify({ ...event, payload: "@" }).replace('"@"', () =>
        JSON.stringify(payload, null, indent),
      );
      expect(expectSameEitherWay(text)).toMatchObject({ kind: "verified" });
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 500 });
  });

  it("damaged anywhere, is refused or read as any other", () => {
    const text = JSON.stringify(signed({ b: "x", a: [1, null] }, { commandId: randomUUID() as Uuid, baseVersion: 7 }));
    const pieces = [
      ...'{}[],:"\\ 0179afAFxz-.e\u0000\u007fé\u2028',
      "null",
      "true",
      '"a":1,',
      "\\u0061",
      "1e2",
      "00",
      "\n",
    ];
    const edit = fc.tuple(fc.nat(), fc.constantFrom(...pieces, ""), fc.nat(2));
    const property = fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
      let damaged = text;
      for (const [where, piece, removed] of edits) {
        const at = 1 + (where % (damaged.length - 1));
        damaged = damaged.slice(0, at) + piece + damaged.slice(at + removed);
      }
      expectSameEitherWay(damaged);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 3000 });
  });

  const event = signed({ b: 1, a: 2 });
  const written = (changes: Partial<Record<keyof EventEnvelope, unknown>>): string =>
    JSON.stringify({ ...event, ...changes });
  const text = written({});

  it.each([
    ["as clients write it", text],
    ["with a command id", written({ command_id: randomUUID() })],
    ["with a base version", written({ base_version: 0 })],
    ["with both", written({ command_id: randomUUID(), base_version: 999_999_999 })],
    ["with blanks in its payload", text.replace('{"b":1', '{ "b" : 1')],
    ["with a payload of another script", text.replace('"b":1', '"b":"é"')],
  ])("is taken %s", (_name, given) => {
    expect(isTaken(given)).toBe(true);
    expectSameEitherWay(given);
  });

  it.each([
    ["a blank before the payload", text.replace('"payload":', '"payload": ')],
    ["a blank after the payload", text.replace('"a":2}', '"a":2} ')],
    ["another version", written({ ves_version: 2 })],
    ["a payload of null", written({ payload: null })],
    ["an encrypted event", written({ payload_kind: 1 })],
    ["a cipher hash", written({ payload_cipher_hash: `0x${"1".repeat(64)}` })],
    ["upper case in an id", written({ event_id: upperCase(event.event_id) })],
    ["upper case in the tenant's id", written({ tenant_id: upperCase(event.tenant_id) })],
    ["upper case in the agent's id", written({ source_agent_id: upperCase(event.source_agent_id) })],
    ["something else for a store", written({ store_id: "x".repeat(36) })],
    ["upper case in a hash", written({ payload_plain_hash: `0x${"A".repeat(64)}` })],
    ["a hash without its prefix", written({ payload_plain_hash: event.payload_plain_hash.slice(2) })],
    ["an escape in a name", text.replace("order-1", "\\u006frder-1")],
    ["a name of another script", written({ entity_id: "é" })],
    ["a control character in a name", text.replace("order-1", "order\t1")],
    ["a key id with a zero in front", text.replace('"agent_key_id":1', '"agent_key_id":01')],
    ["a key id as a fraction", text.replace('"agent_key_id":1', '"agent_key_id":1.0')],
    ["a long key id", written({ agent_key_id: 4_294_967_295 })],
    ["a base version of null", written({ base_version: null })],
    ["a member more", written({ sequence_number: 1 } as object)],
    ["a member twice", text.replace(/}$/, ',"base_version":1,"base_version":1}')],
    ["members in another order", JSON.stringify(Object.fromEntries(Object.entries(event).reverse()))],
    ["an end too early", text.slice(0, -1)],
    ["broken JSON in its payload", text.replace('"b":1', '"b":01')],
    ["an envelope nested too deep", text.replace('{"b":1,"a":2}', "[".repeat(125) + "]".repeat(125))],
  ])("is left alone with %s", (_name, given) => {
    expect(isTaken(given)).toBe(false);
    expectSameEitherWay(given);
  });
});
