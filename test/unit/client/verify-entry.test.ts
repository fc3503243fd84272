import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import {
  decryptEvent,
  generateEncryptionKeyPair,
  generateSigningKey,
  type LegacyEntry,
  type LogEntry,
  nobleEd25519,
  proofOfPossession,
  SequencerClient,
  type VesEntry,
  verifyEntry,
  verifyReceipt,
} from "../../../src/client/index.js";
import { signingFieldsOf } from "../../../src/protocol/agent-event.js";
import { eventSigningHash } from "../../../src/protocol/event-signing.js";
import { legacyEventHash, legacyFieldsOf, legacyPayloadHash } from "../../../src/protocol/legacy-event.js";
import { verifyProofOfPossession } from "../../../src/protocol/proof-of-possession.js";
import { receiptHash } from "../../../src/protocol/receipt.js";

const id = (digit: number): Uuid => `${`${digit}`.repeat(8)}-0000-4000-8000-000000000000` as Uuid;
const sequencer = generateSigningKey();
const agentKey = generateSigningKey();
const agent = new SequencerClient({ url: "http://host" }).agent({
  tenantId: id(1),
  storeId: id(2),
  agentId: id(3),
  keyId: 4,
  seed: agentKey.seed,
});
const input = { entityType: "order", entityId: "O-1", eventType: "order.created", payload: { n: 1 } };

function sequenced(
  event: VesEntry["event"],
  sequenceNumber = 7,
  signer = sequencer,
  eventId = event.event_id,
): VesEntry {
  const hash = receiptHash({
    tenantId: event.tenant_id,
    storeId: event.store_id,
    eventId,
    sequenceNumber,
    eventSigningHash: eventSigningHash(signingFieldsOf(event)!),
  });
  return {
    kind: "ves_event",
    offset: 40,
    tenant_id: event.tenant_id,
    store_id: event.store_id,
    sequence_number: sequenceNumber,
    sequenced_at: "2025-01-01T00:00:00.000Z",
    event,
    receipt: {
      sequencerId: id(5),
      eventId,
      sequenceNumber,
      sequencedAt: "2025-01-01T00:00:00.000Z",
      receiptHash: toHex(hash),
      signatureAlg: "ed25519",
      sequencerSignature: toHex(nobleEd25519.sign(hash, signer.seed)),
      sequencerKeyVersion: 0,
      receiptSignatureScheme: 1,
    },
  };
}

const entry = sequenced(agent.sign(input));
const other = sequenced(agent.sign(input), 8);
const withKey = { agentPublicKey: agentKey.publicKey };

test("a genuine entry verifies, with and without the agent's key", () => {
  expect(verifyEntry(entry, sequencer)).toBe(true);
  expect(verifyEntry(entry, sequencer, withKey)).toBe(true);
  expect(verifyReceipt(entry.event, entry.receipt, sequencer, withKey)).toBe(true);
});

const forge = (event: object, receipt: object = {}, rest: object = {}): VesEntry =>
  ({ ...entry, ...rest, event: { ...entry.event, ...event }, receipt: { ...entry.receipt, ...receipt } }) as VesEntry;

test("a lone surrogate is not the character that takes its place in UTF-8", () => {
  for (const name of ["entityType", "entityId", "eventType"] as const) {
    const genuine = sequenced(agent.sign({ ...input, [name]: "\ufffd" }));
    expect(verifyEntry(genuine, sequencer, withKey)).toBe(true);
    const member = { entityType: "entity_type", entityId: "entity_id", eventType: "event_type" }[name];
    const changed = { ...genuine, event: { ...genuine.event, [member]: "\ud800" } };
    expect(verifyEntry(changed, sequencer)).toBe(false);
    expect(verifyEntry(changed, sequencer, withKey)).toBe(false);
  }
});

test.each<[string, VesEntry]>([
  ["another payload", forge({ payload: { n: 2 } })],
  ["no payload", forge({ payload: undefined })],
  ["a payload that is no JSON", forge({ payload: () => 1 })],
  ["another entity", forge({ entity_id: "O-2" })],
  ["another time", forge({ created_at: "2025-01-01T00:00:00Z" })],
  ["an id that is none", forge({ event_id: "x" })],
  ["members of other types", forge({ payload_plain_hash: 7 })],
  ["a receipt that was signed for another id", sequenced(entry.event, 7, sequencer, other.event.event_id)],
  ["another event's receipt", { ...entry, receipt: other.receipt, sequence_number: 8 }],
  ["another sequence number in the entry", forge({}, {}, { sequence_number: 8 })],
  ["another sequence number in both", forge({}, { sequenceNumber: 8 }, { sequence_number: 8 })],
  ["another stream in the entry", forge({}, {}, { store_id: id(9) })],
  ["another stream in both", forge({ store_id: id(9) }, {}, { store_id: id(9) })],
  ["no signature", forge({}, { signatureAlg: "none", sequencerSignature: "" })],
  ["a signature that is none", forge({}, { sequencerSignature: "00".repeat(64) })],
  ["another hash", forge({}, { receiptHash: "00".repeat(32) })],
  ["a kind this client does not know", forge({}, {}, { kind: "payment_intent" })],
])("%s does not verify", (_, forged) => {
  expect(verifyEntry(forged, sequencer)).toBe(false);
});

test.each([[null], ["entry"], [[]], [{}], [{ event: {}, receipt: null }], [{ event: null, receipt: {} }]])(
  "%j, which is no entry, does not verify",
  (value) => {
    expect(verifyEntry(value as unknown as VesEntry, sequencer)).toBe(false);
    const { event, receipt } = (value ?? {}) as unknown as VesEntry;
    expect(verifyReceipt(event, receipt, sequencer)).toBe(false);
  },
);

test("another sequencer's key or another agent's key does not verify", () => {
  expect(verifyEntry(entry, generateSigningKey())).toBe(false);
  expect(verifyEntry(entry, sequencer, { agentPublicKey: generateSigningKey().publicKey })).toBe(false);
});

test("receipts of before the key changed verify by the former one, wherever it stands among the trusted", () => {
  const [unused, now] = [generateSigningKey(), generateSigningKey()];
  const trusted = { publicKey: now.publicKey, former: [unused, sequencer] };
  const byNow = sequenced(entry.event, 7, now);
  // In turns: the key that signed last is tried first, never alone.
  for (const signed of [entry, byNow, entry, entry, byNow]) expect(verifyEntry(signed, trusted)).toBe(true);
  for (const forged of [forge({ payload: { n: 2 } }), forge({}, { sequencerSignature: "00".repeat(64) })]) {
    expect(verifyEntry(forged, trusted)).toBe(false);
  }
  expect(verifyEntry(entry, { publicKey: now.publicKey, former: [unused] })).toBe(false);
});

describe("a legacy entry", () => {
  const PAYLOAD = '{"n":1}';
  const event: LegacyEntry["event"] = {
    ...{ envelope_version: 1, event_id: id(6), tenant_id: id(1), store_id: id(2), source_agent: id(3) },
    ...{ entity_type: "order", entity_id: "O-1", event_type: "order.created", payload: JSON.parse(PAYLOAD) },
    ...{ payload_hash: toHex(legacyPayloadHash(PAYLOAD)), created_at: "2025-01-01T00:00:00Z" },
  };

  /** `receiptOf`: the id and the kind that its receipt is for. */
  function legacy(given = event, receiptOf: { eventId?: Uuid; kind?: LogEntry["kind"] } = {}): LegacyEntry {
    const fields = legacyFieldsOf({ ...given })!;
    const { eventId = fields.eventId, kind } = receiptOf;
    const signed = { ...fields, eventId, sequenceNumber: 7, eventSigningHash: legacyEventHash(fields) };
    const hash = receiptHash(signed, kind ?? "event");
    const sequencerSignature = toHex(nobleEd25519.sign(hash, sequencer.seed));
    return {
      ...{ ...entry, kind: "event", event: given },
      receipt: { ...entry.receipt, eventId, receiptHash: toHex(hash), sequencerSignature },
    };
  }

  const change = (changed: object): LegacyEntry => ({ ...legacy(), event: { ...event, ...changed } });

  test("verifies", () => {
    expect(verifyEntry(legacy(), sequencer)).toBe(true);
    expect(verifyEntry(legacy(), { publicKey: generateSigningKey().publicKey, former: [sequencer] })).toBe(true);
  });

  test.each<[string, LegacyEntry]>([
    ["with another payload", change({ payload: { n: 2 } })],
    ["without a payload", change({ payload: undefined })],
    ["with a payload deeper than any", change({ payload: JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`) })],
    ["with another payload and its hash", change({ payload: 2, payload_hash: toHex(legacyPayloadHash("2")) })],
    ["with another payload, signed for another hash", legacy({ ...event, payload: { n: 2 } })],
    ["of another id", change({ event_id: id(9) })],
    ["with a receipt that was signed for another id", legacy(event, { eventId: id(9) })],
    ["of another agent", change({ source_agent: id(9) })],
    ["of another entity type", change({ entity_type: "refund" })],
    ["of another entity", change({ entity_id: "O-2" })],
    ["of another type", change({ event_type: "order.paid" })],
    ["of another time", change({ created_at: "2025-01-01T00:00:01Z" })],
    ["of another stream", { ...change({ store_id: id(9) }), store_id: id(9) }],
    ["of another tenant", { ...change({ tenant_id: id(9) }), tenant_id: id(9) }],
    ["of another number", { ...legacy(), sequence_number: 8, receipt: { ...legacy().receipt, sequenceNumber: 8 } }],
    ["with a VES event's receipt", legacy(event, { kind: "ves_event" })],
    ["taken for a VES event", { ...legacy(), kind: "ves_event" } as unknown as LegacyEntry],
    ["with ids that are none", change({ source_agent: "x" })],
    ["with a hash that is none", change({ payload_hash: event.payload_hash.slice(1) })],
    ["with members of other types", change({ created_at: 1 })],
    [
      "with a name that is no text",
      { ...legacy({ ...event, entity_id: "\ufffd" }), event: { ...event, entity_id: "\ud800" } },
    ],
  ])("%s does not verify", (_, forged) => {
    expect(verifyEntry(forged, sequencer)).toBe(false);
  });

  test("that another sequencer signed does not verify", () => {
    expect(verifyEntry(legacy(), generateSigningKey())).toBe(false);
  });
});

test("proofs of possession: of the key itself, and of an encryption key by the signing key", async () => {
  const { publicKey } = await generateEncryptionKeyPair();
  const own = proofOfPossession(agentKey.seed);
  expect(verifyProofOfPossession(agentKey.publicKey, own, agentKey.publicKey, nobleEd25519)).toBe(true);
  const vouched = proofOfPossession(agentKey.seed, publicKey);
  expect(verifyProofOfPossession(publicKey, vouched, agentKey.publicKey, nobleEd25519)).toBe(true);
  expect(verifyProofOfPossession(publicKey, own, agentKey.publicKey, nobleEd25519)).toBe(false);
});

describe("an encrypted entry", () => {
  test("verifies closed, opens for its recipient, and not after a change", async () => {
    const recipient = await generateEncryptionKeyPair();
    const event = await agent.encrypt(input, [{ kid: 2, publicKey: recipient.publicKey }]);
    const closed = sequenced(event);
    expect(event.payload).toBeUndefined();
    expect(verifyEntry(closed, sequencer, withKey)).toBe(true);
    expect(await decryptEvent(event, { kid: 2, secretKey: recipient.secretKey })).toEqual(input.payload);
    const moved = { ...event, entity_id: "O-2" };
    await expect(decryptEvent(moved, { kid: 2, secretKey: recipient.secretKey })).rejects.toThrow();
    await expect(decryptEvent(entry.event, { kid: 2, secretKey: recipient.secretKey })).rejects.toMatchObject({
      code: "InvalidEncryptedPayload",
    });
  });
});
