/**
 * What the log's tree holds for an entry: a record of 74 bytes that commits to the entry and shows nothing of it. Anyone
 * may have every record and hold the log to append-only; tenants, streams, sizes of streams and payloads stay with those
 * who may read the entry. Whoever holds an entry's frame can rebuild its record, see `leafRecordOfFrame`; whoever holds
 * only a receipt finds its hash in the record.
 *
 *   version 1 (1 byte) || kind (1: 0 = ves_event, 1 = event) || offset (8, big-endian) || receipt_hash (32) || entry_hash (32)
 *   entry_hash = SHA-256("STATESET_LOG_ENTRY_V1" || sequenced_at in Unix ms (8) || sequencer_id (16) ||
 *                        receipt signature (64) || the JSON text of `event` as the frame has it)
 *
 * Receipt hash and entry hash cover the random event id and both signatures: they cannot be guessed from outside.
 */
import { fromHex, utf8 } from "../base/bytes.js";
import { parseUuid, uuidToBytes } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { SIGNATURE_BYTES } from "./ed25519.js";
import type { ReceiptKind } from "./receipt.js";
import { parseRfc3339 } from "./rfc3339.js";
import { sha256 } from "./sha256.js";

export const LEAF_RECORD_BYTES = 74;

export interface LeafFields {
  readonly kind: ReceiptKind;
  readonly offset: number;
  /** 32 bytes, see `receipt.ts`: covers stream, event id, sequence number and all the agent signed. */
  readonly receiptHash: Uint8Array;
  readonly sequencedAtMs: number;
  /** 16 bytes in textual order. */
  readonly sequencerId: Uint8Array;
  /** 64 bytes. */
  readonly receiptSignature: Uint8Array;
  /** UTF-8 JSON text of the event, byte for byte: covers what no signature does (command id, base version). */
  readonly event: Uint8Array;
}

const LEAF_VERSION = 1;
const DOMAIN_ENTRY = "STATESET_LOG_ENTRY_V1";
const HASH_BYTES = 32;

const writer = new ByteWriter(4096);

/** The record, 74 bytes, its own copy. */
export function leafRecord(fields: LeafFields): Uint8Array {
  writer.reset().ascii(DOMAIN_ENTRY).u64(fields.sequencedAtMs).bytes(fields.sequencerId);
  const entryHash = sha256(writer.bytes(fields.receiptSignature).bytes(fields.event).view());
  writer.reset().bytes(VERSION_AND_KIND[fields.kind]).u64(fields.offset).bytes(fields.receiptHash).bytes(entryHash);
  return writer.finish();
}

const VERSION_AND_KIND: Readonly<Record<ReceiptKind, Uint8Array>> = {
  ves_event: Uint8Array.of(LEAF_VERSION, 0),
  event: Uint8Array.of(LEAF_VERSION, 1),
};

interface FrameFields {
  readonly kind: unknown;
  readonly offset: number;
  readonly sequenced_at: string;
  readonly receipt: { readonly sequencerId: string; readonly receiptHash: string; readonly sequencerSignature: string };
}

const EVENT_BEGIN = ',"event":';
const EVENT_END = ',"receipt":';

/**
 * The record of an entry as `/subscribe` or `/api/v1/log` sent it: its text, untouched. Null when it is not an entry's
 * text. Says nothing about the receipt's truth: verify that too, or the record only shows what the log claims.
 */
export function leafRecordOfFrame(frame: string): Uint8Array | null {
  const begin = frame.indexOf(EVENT_BEGIN);
  // The receipt is flat and comes last; an `event` may hold the same name anywhere in its payload.
  const end = frame.lastIndexOf(EVENT_END);
  const entry = parse(frame);
  if (entry === null || (entry.kind !== "ves_event" && entry.kind !== "event") || begin < 0 || end < begin) return null;
  const { kind, offset, sequenced_at: time, receipt } = entry;
  const sequencedAtMs = typeof time === "string" ? parseRfc3339(time) : null;
  const sequencerId = parseUuid(String(receipt?.sequencerId));
  const receiptHash = fromHex(String(receipt?.receiptHash), HASH_BYTES);
  const receiptSignature = fromHex(String(receipt?.sequencerSignature), SIGNATURE_BYTES);
  if (!Number.isSafeInteger(offset) || offset < 0 || sequencedAtMs === null || sequencedAtMs < 0) return null;
  if (sequencerId === null || receiptHash === null || receiptSignature === null) return null;
  const event = utf8(frame.slice(begin + EVENT_BEGIN.length, end));
  return leafRecord({
    kind,
    offset,
    receiptHash,
    sequencedAtMs,
    sequencerId: uuidToBytes(sequencerId),
    receiptSignature,
    event,
  });
}

function parse(text: string): FrameFields | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as FrameFields) : null;
  } catch {
    return null;
  }
}
