/**
 * The frame an entry travels in, put together again from its stored facts for its checksum. `store/entry-frame.ts`, whose
 * form this must be, takes a decoded event; here all but the numbers is copied from bytes at hand.
 */
import { literal, ScratchBytes } from "../base/scratch-bytes.js";
import { formatRfc3339 } from "../protocol/rfc3339.js";
import { type Entry, RECEIPT_SIGNATURE_AT } from "./entry-rows.js";
import type { SequencerRow, StreamRow } from "./references.js";

const HEAD = literal('{"kind":"ves_event","offset":');
const TIME = literal(',"sequenced_at":"');
const EVENT = literal('","event":');
const RECEIPT_NUMBER = literal('","sequenceNumber":');
const RECEIPT_TIME = literal(',"sequencedAt":"');
const RECEIPT_HASH = literal('","receiptHash":"');
const SIGNATURE = literal('","signatureAlg":"ed25519","sequencerSignature":"');
const END = literal('","sequencerKeyVersion":0,"receiptSignatureScheme":1}}');

/** Everything but the envelope, at most. */
const AROUND_ENVELOPE_MAX = 1024;

/** The event's id stands in every envelope behind `{"ves_version":1,"event_id":"`. */
const EVENT_ID_IN_ENVELOPE = 29;
const UUID_CHARACTERS = 36;

const scratch = new ScratchBytes();

/** The frame is valid until the next call. `receiptHash`: 32 bytes. */
export function frameBytes(entry: Entry, stream: StreamRow, sequencer: SequencerRow, receiptHash: Buffer): Buffer {
  const { row, bytes, start, envelope, envelopeEnd } = entry;
  const [offset, , , sequenceNumber, , , sequencedAtMs] = row;
  const eventId = envelope + EVENT_ID_IN_ENVELOPE;
  const number = `${sequenceNumber}`;
  const time = formatRfc3339(sequencedAtMs);
  scratch.begin(envelopeEnd - envelope + AROUND_ENVELOPE_MAX);
  scratch.all(HEAD).ascii(`${offset}`).all(stream.inFrame).ascii(number).all(TIME).ascii(time);
  scratch.all(EVENT).part(bytes, envelope, envelopeEnd);
  scratch
    .all(sequencer.inFrame)
    .part(bytes, eventId, eventId + UUID_CHARACTERS)
    .all(RECEIPT_NUMBER)
    .ascii(number);
  scratch.all(RECEIPT_TIME).ascii(time).all(RECEIPT_HASH).hex(receiptHash, 0, receiptHash.length);
  scratch
    .all(SIGNATURE)
    .hex(bytes, start + RECEIPT_SIGNATURE_AT, envelope)
    .all(END);
  return scratch.view();
}
