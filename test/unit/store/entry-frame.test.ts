import { describe, expect, it } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import { type Uuid, uuidFromBytes } from "../../../src/base/ids.js";
import { ENTRY_KINDS } from "../../../src/protocol/entry-kind.js";
import { receiptHash } from "../../../src/protocol/receipt.js";
import type { SequencedEvent } from "../../../src/store/contract.js";
import { encodeEntry, encodeReceipt, receiptHashOf } from "../../../src/store/entry-frame.js";

const counting = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i);

const event: Omit<SequencedEvent, "kind"> = {
  eventId: counting(16, 200),
  tenantId: "aaaaaaaa-0000-4000-8000-000000000001" as Uuid,
  storeId: "aaaaaaaa-0000-4000-8000-000000000002" as Uuid,
  sequenceNumber: 4_294_967_297,
  sequencedAtMs: Date.parse("2025-12-20T17:51:10.243Z"),
  sequencer: { sequencerId: "aaaaaaaa-0000-4000-8000-000000000009" as Uuid, publicKey: counting(32, 1) },
  signingHash: counting(32, 50),
  receiptSignature: counting(64, 150),
  envelope: Buffer.from(`{"event_id":"…","payload":"${"ü".repeat(5_000)}"}`),
};

describe.each(ENTRY_KINDS)("the wire form of a %s", (kind) => {
  const sequenced: SequencedEvent = { ...event, kind };
  const hash = receiptHashOf(sequenced);

  // ves-protocol §7: names and order.
  const receipt = {
    sequencerId: event.sequencer.sequencerId,
    eventId: uuidFromBytes(event.eventId),
    sequenceNumber: event.sequenceNumber,
    sequencedAt: "2025-12-20T17:51:10.243+00:00",
    receiptHash: toHex(hash),
    signatureAlg: "ed25519",
    sequencerSignature: toHex(event.receiptSignature),
    sequencerKeyVersion: 0,
    receiptSignatureScheme: 1,
  };

  it("has a receipt of the protocol's members in its order, over the protocol's hash", () => {
    const { tenantId, storeId, sequenceNumber, signingHash: eventSigningHash } = event;
    const claim = { tenantId, storeId, eventId: receipt.eventId, sequenceNumber, eventSigningHash };
    expect(hash).toEqual(receiptHash(claim, kind));
    expect(encodeReceipt(sequenced).toString()).toBe(JSON.stringify(receipt));
  });

  it("is one JSON object around the envelope's own bytes, and tells where its receipt is", () => {
    const offset = 2 ** 40;
    const { frame, receiptAt } = encodeEntry(offset, sequenced, hash);
    const { tenantId, storeId, sequenceNumber } = event;
    const head = { kind, offset, tenant_id: tenantId, store_id: storeId, sequence_number: sequenceNumber };
    const text = JSON.stringify({ ...head, sequenced_at: receipt.sequencedAt, event: "envelope", receipt });
    expect(frame.toString()).toBe(text.replace('"envelope"', () => Buffer.from(event.envelope).toString()));
    expect(frame.subarray(receiptAt, -1)).toEqual(encodeReceipt(sequenced));
  });
});
