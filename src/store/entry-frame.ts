/**
 * The wire form of a log entry, encoded once per entry by whoever first holds it (the lane after a commit, a reader from
 * rows) and passed on as bytes from there. Both build it here, so a live frame and a replayed one are byte-identical.
 */
import { crc32 } from "node:zlib";
import type { Uuid } from "../base/ids.js";
import { literal, ScratchBytes } from "../base/scratch-bytes.js";
import type { EntryKind } from "../protocol/entry-kind.js";
import { receiptHashOfIds } from "../protocol/receipt.js";
import { formatRfc3339 } from "../protocol/rfc3339.js";
import type { SequencedEvent } from "./contract.js";

type SignedFacts = Pick<SequencedEvent, "kind" | "tenantId" | "storeId" | "eventId" | "sequenceNumber" | "signingHash">;

export interface EncodedEntry {
  /**
   * `{"kind":"ves_event"|"event","offset","tenant_id","store_id","sequence_number","sequenced_at","event":{…},"receipt":{…}}`;
   * the envelope is copied as it is stored.
   */
  readonly frame: Buffer;
  /** Where in the frame its receipt begins. It ends before the last byte. */
  readonly receiptAt: number;
}

const HEAD: Readonly<Record<EntryKind, Buffer>> = {
  ves_event: literal('{"kind":"ves_event","offset":'),
  event: literal('{"kind":"event","offset":'),
};
const END = literal("}");

/** Receipt JSON (ves-protocol §7): members in this order, hex without `0x`. No part of it can need an escape. */
const RECEIPT = literal(',"receipt":');
const RECEIPT_NUMBER = literal('","sequenceNumber":');
const RECEIPT_SIGNATURE = literal('","signatureAlg":"ed25519","sequencerSignature":"');
const RECEIPT_END = literal('","sequencerKeyVersion":0,"receiptSignatureScheme":1}');

/** What entries have in common with those before them, as a rule: it is spelled once and copied from then on. */
class SharedPart<A, B = undefined> {
  readonly #spell: (first: A, second?: B) => string;
  #first: A | undefined;
  #second: B | undefined;
  #bytes = literal("");

  constructor(spell: (first: A, second?: B) => string) {
    this.#spell = spell;
  }

  of(first: A, second?: B): Buffer {
    if (first !== this.#first || second !== this.#second) {
      this.#bytes = literal(this.#spell(first, second));
      this.#first = first;
      this.#second = second;
    }
    return this.#bytes;
  }
}

const STREAM = new SharedPart(
  (tenantId: Uuid, storeId?: Uuid) => `,"tenant_id":"${tenantId}","store_id":"${storeId}","sequence_number":`,
);
const TIME = new SharedPart((ms: number) => `,"sequenced_at":"${formatRfc3339(ms)}","event":`);
const RECEIPT_SEQUENCER = new SharedPart((sequencerId: Uuid) => `{"sequencerId":"${sequencerId}","eventId":"`);
const RECEIPT_TIME = new SharedPart((ms: number) => `,"sequencedAt":"${formatRfc3339(ms)}","receiptHash":"`);

/** Everything of a frame but the envelope, at most. */
const AROUND_ENVELOPE_MAX = 1024;

const scratch = new ScratchBytes();
/** Only ever in buffers of pages. */
const inPage = new ScratchBytes();

/** What the sequencer signs for an event (ves-protocol §7). */
export function receiptHashOf(event: SignedFacts): Uint8Array {
  const { tenantId, storeId, eventId, sequenceNumber, signingHash, kind } = event;
  return receiptHashOfIds(tenantId, storeId, eventId, sequenceNumber, signingHash, kind);
}

/** A function of stored facts only: an exact replay gets the same bytes for ever. */
export function encodeReceipt(event: SequencedEvent): Buffer {
  scratch.begin(AROUND_ENVELOPE_MAX);
  putReceipt(scratch, event, receiptHashOf(event));
  return scratch.copy();
}

/** `hash`: the event's `receiptHashOf`. */
export function encodeEntry(offset: number, event: SequencedEvent, hash: Uint8Array): EncodedEntry {
  const { envelope } = event;
  scratch.begin(envelope.length + AROUND_ENVELOPE_MAX);
  putHead(scratch, offset, event);
  scratch.bytes(envelope);
  const receiptAt = putEnd(scratch, event, hash);
  return { frame: scratch.copy(), receiptAt };
}

/** What a frame says of an event beside its envelope. */
export type FrameFacts = Omit<SequencedEvent, "envelope">;

/** Room that `writeEntry` needs. */
export function entryBytesMax(envelopeBytes: number): number {
  return envelopeBytes + AROUND_ENVELOPE_MAX;
}

/** An envelope as text, and how many bytes that is as UTF-8. */
export interface EnvelopeText {
  readonly text: string;
  readonly bytes: number;
}

/** Writes the same frame into `page` from `at` on; returns where it ends. */
export function writeEntry(
  page: Buffer,
  at: number,
  offset: number,
  facts: FrameFacts,
  envelope: EnvelopeText,
  hash: Uint8Array,
): number {
  inPage.beginIn(page, at);
  putHead(inPage, offset, facts);
  inPage.text(envelope.text, envelope.bytes);
  putEnd(inPage, facts, hash);
  return inPage.endIn(page);
}

function putHead(
  into: ScratchBytes,
  offset: number,
  { kind, tenantId, storeId, sequenceNumber, sequencedAtMs }: FrameFacts,
): void {
  into.all(HEAD[kind]).ascii(`${offset}`).all(STREAM.of(tenantId, storeId));
  into.ascii(`${sequenceNumber}`).all(TIME.of(sequencedAtMs));
}

/** Returns where the receipt begins. */
function putEnd(into: ScratchBytes, facts: FrameFacts, hash: Uint8Array): number {
  into.all(RECEIPT);
  const receiptAt = into.length;
  putReceipt(into, facts, hash);
  into.all(END);
  return receiptAt;
}

function putReceipt(into: ScratchBytes, event: FrameFacts, hash: Uint8Array): void {
  into.all(RECEIPT_SEQUENCER.of(event.sequencer.sequencerId)).uuid(event.eventId);
  into.all(RECEIPT_NUMBER).ascii(`${event.sequenceNumber}`).all(RECEIPT_TIME.of(event.sequencedAtMs)).hex(hash);
  into.all(RECEIPT_SIGNATURE).hex(event.receiptSignature).all(RECEIPT_END);
}

/** Checksum of a frame, kept with the entry: a damaged row is noticed before anyone is served from it. */
export function frameCheck(frame: Uint8Array): number {
  return crc32(frame);
}
