import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import {
  decryptEvent,
  generateEncryptionKeyPair,
  generateSigningKey,
  nobleEd25519,
  proofOfPossession,
  SequencerClient,
  type VesEntry,
  verifyEntry,
  verifyReceipt,
} from "../../../src/client/index.js";
import { signingFieldsOf } from "../../../src/protocol/agent-event.js";
import { eventSigningHash } from "../../../src/protocol/event-signing.js";
import { verifyProofOfPossession } from "../../../src/protocol/proof-of-possession.js";
import { receiptHash } from "../../../src/protocol/receipt.js";

const id = (digit: number): string => `${`${digit}`.repeat(8)}-0000-4000-8000-000000000000`;
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

function sequenced(event: VesEntry["event"], sequenceNumber = 7, signer = sequencer): VesEntry {
  const hash = receiptHash({
    tenantId: event.tenant_id,
    storeId: event.store_id,
    eventId: event.event_id,
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
      eventId: event.event_id,
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
