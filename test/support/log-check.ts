/** What must hold of any log, checked on its bytes alone. */
import { strict as assert } from "node:assert";
import { fromHex } from "../../src/base/bytes.js";
import type { Uuid } from "../../src/base/ids.js";
import { signingFieldsOf } from "../../src/protocol/agent-event.js";
import type { Ed25519 } from "../../src/protocol/ed25519.js";
import { eventSigningHash } from "../../src/protocol/event-signing.js";
import { verifyReceiptSignature } from "../../src/protocol/receipt.js";
import type { TestService } from "./service.js";
import { parseFrame, receiptTextOf } from "./subscriber.js";

/** Offsets contiguous from `fromOffset`, event ids unique, every stream gap-free; streams from 1 when the log is whole. */
export function checkOrder(frames: readonly Uint8Array[], fromOffset = 0): { streams: Map<string, number> } {
  const streams = new Map<string, number>();
  const eventIds = new Set<string>();
  frames.forEach((frame, index) => {
    const { offset, tenant_id, store_id, sequence_number, event, receipt } = parseFrame(frame);
    assert.equal(offset, fromOffset + index, "offsets are contiguous");
    assert.ok(!eventIds.has(event.event_id), `event ${event.event_id} is in the log once`);
    eventIds.add(event.event_id);
    const stream = `${tenant_id}/${store_id}`;
    const head = streams.get(stream) ?? (fromOffset === 0 ? 0 : sequence_number - 1);
    assert.equal(sequence_number, head + 1, `stream ${stream} is gap-free`);
    assert.equal(receipt.sequenceNumber, sequence_number);
    assert.equal(receipt.eventId, event.event_id);
    streams.set(stream, sequence_number);
  });
  return { streams };
}

/** The same frames, byte for byte. (A test runner's deep equality takes seconds for a megabyte.) */
export function checkSame(actual: readonly Buffer[], expected: readonly Buffer[], what = "frames"): void {
  const different = expected.findIndex((frame, index) => actual[index]?.equals(frame) !== true);
  assert.equal(different, -1, `${what}: different from number ${different} on`);
  assert.equal(actual.length, expected.length, `${what}: count`);
}

/** Every acknowledged receipt is in the log, byte for byte. */
export function checkAcknowledged(frames: readonly Uint8Array[], receipts: ReadonlyMap<string, string>): void {
  const stored = new Map(frames.map((frame) => [parseFrame(frame).event.event_id as string, receiptTextOf(frame)]));
  for (const [eventId, text] of receipts) assert.equal(stored.get(eventId), text, `receipt of ${eventId}`);
}

/** Recomputes the event's signing hash and the receipt's hash, and checks the sequencer's signature. */
export function hasValidReceipt(frame: Uint8Array, publicKey: Uint8Array, ed25519: Ed25519): boolean {
  const { tenant_id, store_id, event, receipt } = parseFrame(frame);
  const fields = signingFieldsOf(event);
  if (fields === null) return false;
  const eventHash = eventSigningHash(fields);
  const stream = { tenantId: tenant_id as Uuid, storeId: store_id as Uuid, eventSigningHash: eventHash };
  return verifyReceiptSignature(receipt, stream, publicKey, ed25519);
}

export async function sequencerPublicKey(service: TestService): Promise<Uint8Array> {
  const answer = await service.get("/api/v1/sequencer");
  return fromHex((answer.json as { public_key: string }).public_key, 32)!;
}
