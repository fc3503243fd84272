/**
 * The wire form of a log entry, encoded once per entry by whoever first holds it (the lane after a commit, a reader from
 * rows) and passed on as bytes from there. Both build it here, so a live frame and a replayed one are byte-identical.
 */
import { crc32 } from "node:zlib";
import { uuidFromBytes } from "../base/ids.js";
import { nativeHex } from "../base/native-hex.js";
import { receiptHash, receiptJson } from "../protocol/receipt.js";
import { formatRfc3339 } from "../protocol/rfc3339.js";
import type { SequencedEvent } from "./contract.js";

type SignedFacts = Pick<SequencedEvent, "kind" | "tenantId" | "storeId" | "eventId" | "sequenceNumber" | "signingHash">;

/** What the sequencer signs for an event (ves-protocol §7). */
export function receiptHashOf(event: SignedFacts): Uint8Array {
  const { tenantId, storeId, sequenceNumber, signingHash: eventSigningHash } = event;
  const eventId = uuidFromBytes(event.eventId);
  return receiptHash({ tenantId, storeId, eventId, sequenceNumber, eventSigningHash }, event.kind);
}

/** Receipt JSON (ves-protocol §7). A function of stored facts only: an exact replay gets the same bytes for ever. */
export function encodeReceipt(event: SequencedEvent, hash: Uint8Array = receiptHashOf(event)): string {
  return receiptJson({
    sequencerId: event.sequencer.sequencerId,
    eventId: uuidFromBytes(event.eventId),
    sequenceNumber: event.sequenceNumber,
    sequencedAt: formatRfc3339(event.sequencedAtMs),
    receiptHash: nativeHex(hash),
    signatureAlg: "ed25519",
    sequencerSignature: nativeHex(event.receiptSignature),
    sequencerKeyVersion: 0,
    receiptSignatureScheme: 1,
  });
}

/**
 * `{"kind":"ves_event"|"event","offset","tenant_id","store_id","sequence_number","sequenced_at","event":{…},"receipt":{…}}`;
 * the envelope is copied as it is stored.
 */
export function encodeFrame(offset: number, event: SequencedEvent, receipt: string): Buffer {
  const { envelope } = event;
  const head =
    `{"kind":"${event.kind}","offset":${offset},"tenant_id":"${event.tenantId}","store_id":"${event.storeId}",` +
    `"sequence_number":${event.sequenceNumber},"sequenced_at":"${formatRfc3339(event.sequencedAtMs)}","event":`;
  const frame = Buffer.allocUnsafe(head.length + envelope.length + receipt.length + 12);
  let at = frame.write(head, 0, "latin1");
  frame.set(envelope, at);
  at += envelope.length;
  at += frame.write(`,"receipt":${receipt}}`, at, "latin1");
  return frame.subarray(0, at);
}

/** Checksum of a frame, kept with the entry: a damaged row is noticed before anyone is served from it. */
export function frameCheck(frame: Uint8Array): number {
  return crc32(frame);
}
