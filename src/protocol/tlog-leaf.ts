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
import { utf8 } from "../base/bytes.js";
import { uuidToBytes } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { SIGNATURE_BYTES } from "./ed25519.js";
import type { EntryKind } from "./entry-kind.js";
import { HASH_BYTES } from "./hash.js";
import { JsonDataError, JsonSyntaxError } from "./json-errors.js";
import { parseRfc3339 } from "./rfc3339.js";
import { sha256 } from "./sha256.js";
import { JsonCursor, JsonFields } from "./strict-json.js";

export const LEAF_RECORD_BYTES = 74;

export interface LeafFields {
  readonly kind: EntryKind;
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

const writer = new ByteWriter(4096);

/** The record, 74 bytes, its own copy. */
export function leafRecord(fields: LeafFields): Uint8Array {
  writer.reset().ascii(DOMAIN_ENTRY).u64(fields.sequencedAtMs).bytes(fields.sequencerId);
  const entryHash = sha256(writer.bytes(fields.receiptSignature).bytes(fields.event).view());
  writer.reset().bytes(VERSION_AND_KIND[fields.kind]).u64(fields.offset).bytes(fields.receiptHash).bytes(entryHash);
  return writer.finish();
}

const VERSION_AND_KIND: Readonly<Record<EntryKind, Uint8Array>> = {
  ves_event: Uint8Array.of(LEAF_VERSION, 0),
  event: Uint8Array.of(LEAF_VERSION, 1),
};

/** Members of a frame that its record or a receipt covers. A name that stands twice is refused: readers would differ. */
const FRAME_FIELDS = new JsonFields([
  ...["kind", "offset", "tenant_id", "store_id", "sequence_number", "sequenced_at"],
  ...["event", "receipt"],
]);
const RECEIPT_FIELDS = new JsonFields([
  ...["sequencerId", "eventId", "sequenceNumber", "sequencedAt", "receiptHash", "sequencerSignature"],
]);

/**
 * The record of an entry as `/subscribe` or `/api/v1/log` sent it: its text, untouched. Null when it is not an entry's
 * text. What it covers is what `JSON.parse` gives of that text: no other member can pass for `event`. Says nothing about the
 * receipt's truth: verify that too, or the record only shows what the log claims.
 */
export function leafRecordOfFrame(frame: string): Uint8Array | null {
  try {
    const cursor = new JsonCursor(frame);
    const fields = readFrame(cursor);
    cursor.end();
    return leafRecord(fields);
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof JsonDataError) return null;
    throw error;
  }
}

/** As `formatRfc3339` writes it. The record holds milliseconds: of another spelling it would not cover the text. */
const OWN_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d\.\d{3}\+00:00$/;

/** Throws JsonSyntaxError and JsonDataError. */
function readFrame(cursor: JsonCursor): LeafFields {
  let kind = "";
  let offset = 0;
  let time = "";
  let event = "";
  let receipt = NO_RECEIPT;
  cursor.readFields(FRAME_FIELDS, (name) => {
    if (name === "kind") kind = cursor.readString();
    else if (name === "offset") offset = Number(cursor.readU64());
    else if (name === "sequenced_at") time = cursor.readString();
    else if (name === "event") event = cursor.readText();
    else if (name === "receipt") receipt = readReceipt(cursor);
    else cursor.skipValue();
  });
  const sequencedAtMs = OWN_TIME.test(time) ? parseRfc3339(time) : null;
  if (sequencedAtMs === null || sequencedAtMs < 0 || receipt.time !== time)
    cursor.fail("expected one time of sequencing");
  if (kind !== "ves_event" && kind !== "event") cursor.fail("expected the kind of an entry");
  if (!Number.isSafeInteger(offset)) cursor.fail("expected an offset");
  const { sequencerId, receiptHash, receiptSignature } = receipt;
  return { kind, offset, receiptHash, sequencedAtMs, sequencerId, receiptSignature, event: utf8(event) };
}

type FrameReceipt = Pick<LeafFields, "sequencerId" | "receiptHash" | "receiptSignature"> & { readonly time: string };
const NONE = new Uint8Array();
const NO_RECEIPT: FrameReceipt = { sequencerId: NONE, receiptHash: NONE, receiptSignature: NONE, time: "" };

function readReceipt(cursor: JsonCursor): FrameReceipt {
  let receipt = NO_RECEIPT;
  cursor.readFields(RECEIPT_FIELDS, (name) => {
    if (name === "sequencerId") receipt = { ...receipt, sequencerId: uuidToBytes(cursor.readUuid()) };
    else if (name === "sequencedAt") receipt = { ...receipt, time: cursor.readString() };
    else if (name === "receiptHash") receipt = { ...receipt, receiptHash: cursor.readHex(HASH_BYTES) };
    else if (name === "sequencerSignature") receipt = { ...receipt, receiptSignature: cursor.readHex(SIGNATURE_BYTES) };
    else cursor.skipValue();
  });
  return receipt;
}
