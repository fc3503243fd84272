import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import { type Uuid, uuidToBytes } from "../../../src/base/ids.js";
import { nobleEd25519 } from "../../../src/protocol/ed25519.js";
import { type Receipt, receiptHash, receiptHashOfIds, verifyReceiptSignature } from "../../../src/protocol/receipt.js";
import { counting } from "./support.js";

const seed = counting(32, 5);
const publicKey = nobleEd25519.publicKey(seed);
const event = {
  tenantId: "aaaaaaaa-0000-4000-8000-000000000001" as Uuid,
  storeId: "aaaaaaaa-0000-4000-8000-000000000002" as Uuid,
  eventSigningHash: counting(32, 50),
};
const eventId = "aaaaaaaa-0000-4000-8000-000000000003" as Uuid;
const hash = receiptHash({ ...event, eventId, sequenceNumber: 7 });
const receipt: Receipt = {
  sequencerId: "aaaaaaaa-0000-4000-8000-000000000009",
  eventId,
  sequenceNumber: 7,
  sequencedAt: "2025-12-20T17:51:10.243+00:00",
  receiptHash: toHex(hash),
  signatureAlg: "ed25519",
  sequencerSignature: toHex(nobleEd25519.sign(hash, seed)),
  sequencerKeyVersion: 0,
  receiptSignatureScheme: 1,
};

test("the hash is the same of ids as text and as bytes", () => {
  const { tenantId, storeId, eventSigningHash } = event;
  const ids = [tenantId, storeId, eventId] as const;
  expect(receiptHashOfIds(...ids, 7, eventSigningHash, "ves_event")).toEqual(hash);
  const [tenant, store, id] = ids.map(uuidToBytes) as [Uint8Array, Uint8Array, Uint8Array];
  expect(receiptHashOfIds(tenant, store, id, 7, eventSigningHash, "ves_event")).toEqual(hash);
  expect(receiptHashOfIds(tenant, store, id, 7, eventSigningHash, "event")).not.toEqual(hash);
});

describe("receipt verification", () => {
  test("the sequencer's receipt verifies, through JSON too", () => {
    expect(verifyReceiptSignature(receipt, event, publicKey)).toBe(true);
    expect(verifyReceiptSignature(JSON.parse(JSON.stringify(receipt)) as Receipt, event, publicKey)).toBe(true);
  });

  test("what the hash does not cover may change", () => {
    const changed = { ...receipt, sequencerId: "x", sequencedAt: "y", sequencerKeyVersion: 9 };
    expect(verifyReceiptSignature(changed, event, publicKey)).toBe(true);
  });

  test.each<[string, Partial<Receipt>]>([
    ["another number", { sequenceNumber: 8 }],
    ["number zero", { sequenceNumber: 0 }],
    ["a fraction", { sequenceNumber: 7.5 }],
    ["an unsafe number", { sequenceNumber: 2 ** 53 }],
    ["another event", { eventId: event.storeId }],
    ["an id in another spelling", { eventId: eventId.toUpperCase() as Uuid }],
    ["an id that would alias", { eventId: eventId.replace("a", "q") as Uuid }],
    ["another hash", { receiptHash: toHex(counting(32)) }],
    ["a short hash", { receiptHash: "00" }],
    ["another signature", { sequencerSignature: "01".repeat(64) }],
    ["no signature", { sequencerSignature: "" }],
    ["signature declared absent", { signatureAlg: "none" }],
  ])("refuses %s", (_name, change) => {
    expect(verifyReceiptSignature({ ...receipt, ...change }, event, publicKey)).toBe(false);
  });

  test("refuses another stream, another signing hash, another sequencer", () => {
    expect(verifyReceiptSignature(receipt, { ...event, tenantId: event.storeId }, publicKey)).toBe(false);
    expect(verifyReceiptSignature(receipt, { ...event, storeId: event.tenantId }, publicKey)).toBe(false);
    expect(verifyReceiptSignature(receipt, { ...event, eventSigningHash: counting(32) }, publicKey)).toBe(false);
    expect(verifyReceiptSignature(receipt, event, nobleEd25519.publicKey(counting(32)))).toBe(false);
  });
});
