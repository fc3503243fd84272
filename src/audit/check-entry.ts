/**
 * One entry judged on its own bytes: canonical envelope, payload hash, signing hash, agent signature, receipt, columns,
 * checksum. What depends on other entries is `order-check.ts`. Throws AuditFault at the first fact that does not hold;
 * signatures it leaves to `entry-signatures.ts`.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { uuidFromBytes } from "../base/ids.js";
import { literal, ScratchBytes } from "../base/scratch-bytes.js";
import { DOMAIN_EVENTSIG, DOMAIN_PAYLOAD_PLAIN, DOMAIN_RECEIPT } from "../protocol/domains.js";
import { PAYLOAD_ENCRYPTED, PAYLOAD_PLAIN, VES_VERSION } from "../protocol/envelope.js";
import { digestColumn } from "../protocol/sha256.js";
import { frameCheck } from "../store/entry-frame.js";
import { expectFact } from "./audit-fault.js";
import { endOfCanonical } from "./canonical-scan.js";
import { checkCanonicalPayload, encryptedPayloadHash } from "./check-payload.js";
import { AGENT_SIGNATURE_AT, type Entry, RECEIPT_SIGNATURE_AT, SIGNING_HASH_AT } from "./entry-rows.js";
import type { EntrySignatures } from "./entry-signatures.js";
import { EnvelopeCursor } from "./envelope-cursor.js";
import { frameBytes } from "./frame-bytes.js";
import type { EventTypeRow, References, StreamRow } from "./references.js";

/** What an entry says that only other rows can confirm, and its receipt's hash. */
export interface EntryClaims {
  /** -1 = the event did not ask for one. */
  readonly baseVersion: number;
  readonly hasCommand: boolean;
  /** 32 bytes, valid until the next entry is checked. */
  readonly receiptHash: Uint8Array;
}

const HEAD = literal(`{"ves_version":${VES_VERSION},"event_id":"`);
const KEY_ID = literal('","agent_key_id":');
const ENTITY_TYPE = literal(',"entity_type":');
const ENTITY_ID = literal(',"entity_id":');
const PLAIN = literal(`,"payload_kind":${PAYLOAD_PLAIN},"payload":`);
const ENCRYPTED = literal(`,"payload_kind":${PAYLOAD_ENCRYPTED},"payload_encrypted":`);
const PLAIN_HASH = literal(',"payload_plain_hash":"0x');
const CIPHER_HASH = literal('","payload_cipher_hash":"0x');
const AGENT_SIGNATURE = literal('","agent_signature":"0x');
const QUOTE = literal('"');
const COMMAND_ID = literal(',"command_id":"');
const BASE_VERSION = literal(',"base_version":');
const END = literal("}");

const PAYLOAD_PLAIN_DOMAIN = literal(DOMAIN_PAYLOAD_PLAIN);
const EVENTSIG_DOMAIN = literal(DOMAIN_EVENTSIG);
const RECEIPT_DOMAIN = literal(DOMAIN_RECEIPT);
const ZERO_HASH = Buffer.alloc(32);
const LETTER_N = 0x6e;

const FORGED_EVENT = "the agent's signature does not verify with its registered key";
export const FORGED_RECEIPT = "the receipt's signature does not verify with the sequencer's key";

/** Fields of a preimage without the texts of the envelope, at most. */
const FIXED_FIELDS_MAX = 512;

/** Places among the hashes of the entry at hand. */
const PLAIN_AT = 0;
const CIPHER_AT = 32;
const SIGNING_AT = 64;
const RECEIPT_AT = 96;

/** What is read from an envelope on the way through it, beside hashes. */
class Reading {
  readonly agentId = Buffer.alloc(16);
  keyId = 0;
  createdAt = 0;
  createdEnd = 0;
  isPlain = true;
  isCanonical = true;
  payload = 0;
  payloadEnd = 0;
  baseVersion = -1;
  hasCommand = false;
}

/** Checks one entry after the other; keeps what they share. */
export class EntryChecker {
  readonly #references: References;
  readonly #signatures: EntrySignatures | null;
  readonly #cursor = new EnvelopeCursor();
  readonly #scratch = new ScratchBytes();
  readonly #reading = new Reading();
  readonly #commandId = Buffer.alloc(16);
  /** The hashes of the entry at hand. Of the payload's two: what the envelope says, until it was compared. */
  readonly #hashes = Buffer.alloc(128);
  readonly #digests = Buffer.alloc(128);
  readonly #digest = digestColumn(this.#digests);

  /** `signatures`: where those of entries go as they are met; null = they are not checked. */
  constructor(references: References, signatures: EntrySignatures | null) {
    this.#references = references;
    this.#signatures = signatures;
  }

  check(entry: Entry): EntryClaims {
    const stream = this.#references.stream(entry.row[2]);
    const eventType = this.#references.eventType(entry.row[5]);
    this.#read(entry, stream, eventType);
    this.#checkPayload(entry, stream, eventType);
    this.#checkSigningHash(entry, stream, eventType);
    const receiptHash = this.#checkReceipt(entry, stream);
    const { baseVersion, hasCommand } = this.#reading;
    return { baseVersion, hasCommand, receiptHash };
  }

  /** The envelope, byte by byte: what stands in columns and tables too is compared, the rest is noted. */
  #read(entry: Entry, stream: StreamRow, eventType: EventTypeRow): void {
    const { bytes } = entry;
    const [cursor, reading, hashes] = [this.#cursor, this.#reading, this.#hashes];
    cursor.begin(bytes, entry.envelope, entry.envelopeEnd);
    cursor.literal(HEAD);
    expectFact(cursor.hasUuid(bytes, entry.start), "event_id is not the envelope's");
    expectFact(cursor.has(stream.inEnvelope), "the stream is not the envelope's");
    cursor.uuid(reading.agentId, 0);
    cursor.literal(KEY_ID);
    reading.keyId = cursor.u32();
    cursor.literal(ENTITY_TYPE);
    this.#readEntityText(bytes, entry.entityType, entry.entityId);
    cursor.literal(ENTITY_ID);
    this.#readEntityText(bytes, entry.entityId, entry.end);
    expectFact(cursor.has(eventType.inEnvelope), "the event type is not the envelope's");
    reading.createdAt = cursor.at;
    reading.createdEnd = cursor.plainText();
    this.#readPayload(bytes);
    cursor.literal(PLAIN_HASH);
    cursor.hex(hashes, PLAIN_AT, 32);
    cursor.literal(CIPHER_HASH);
    cursor.hex(hashes, CIPHER_AT, 32);
    cursor.literal(AGENT_SIGNATURE);
    expectFact(cursor.hasHex(bytes, entry.start + AGENT_SIGNATURE_AT, 64), "agent_signature is not the envelope's");
    cursor.literal(QUOTE);
    reading.hasCommand = cursor.has(COMMAND_ID);
    if (reading.hasCommand) this.#readCommand(entry.row[2]);
    reading.baseVersion = cursor.has(BASE_VERSION) ? cursor.u64() : -1;
    cursor.literal(END);
    cursor.expectEnd();
  }

  /** A text of the entity in the one form `JSON.stringify` gives it. */
  #readEntityText(bytes: Buffer, from: number, to: number): void {
    const cursor = this.#cursor;
    let isNext: boolean;
    if (isPlainText(bytes, from, to)) {
      cursor.literal(QUOTE);
      isNext = cursor.hasPart(bytes, from, to) && cursor.has(QUOTE);
    } else {
      isNext = cursor.has(Buffer.from(JSON.stringify(bytes.toString("utf8", from, to))));
    }
    expectFact(isNext, "the entity is not the envelope's");
  }

  #readPayload(bytes: Buffer): void {
    const [cursor, reading] = [this.#cursor, this.#reading];
    reading.isPlain = cursor.has(PLAIN);
    if (!reading.isPlain) cursor.literal(ENCRYPTED);
    const start = cursor.at;
    const canonicalEnd = reading.isPlain ? endOfCanonical(bytes, start, cursor.end) : -1;
    reading.isCanonical = canonicalEnd >= 0;
    reading.payload = start;
    // Nothing behind the payload can hold quotes and commas of its own, so the mark's last occurrence is the one.
    reading.payloadEnd = canonicalEnd >= 0 ? canonicalEnd : bytes.subarray(0, cursor.end).lastIndexOf(PLAIN_HASH);
    cursor.moveTo(reading.payloadEnd);
  }

  #readCommand(streamRef: number): void {
    this.#cursor.uuid(this.#commandId, 0);
    this.#cursor.literal(QUOTE);
    expectFact(this.#references.hasCommand(streamRef, this.#commandId), "its command id is not stored");
  }

  /** The payload is in canonical form and is what the hashes say. */
  #checkPayload(entry: Entry, stream: StreamRow, eventType: EventTypeRow): void {
    const { bytes } = entry;
    const { payload, payloadEnd, isPlain, isCanonical } = this.#reading;
    const envelope = bytes.subarray(entry.envelope, entry.envelopeEnd);
    expectFact(isAscii(envelope) || isUtf8(envelope), "the envelope is not UTF-8");
    if (!isPlain) {
      const fields = this.#fields(entry, stream, eventType);
      const plainHash = this.#hashes.subarray(PLAIN_AT, PLAIN_AT + 32);
      const cipherHash = encryptedPayloadHash(bytes.toString("utf8", payload, payloadEnd), fields, plainHash);
      const isItsHash = this.#hashes.compare(cipherHash, 0, 32, CIPHER_AT, CIPHER_AT + 32) === 0;
      expectFact(isItsHash, "the encrypted payload does not match its hash");
      return;
    }
    if (!isCanonical) checkCanonicalPayload(bytes.toString("utf8", payload, payloadEnd));
    expectFact(bytes[payload] !== LETTER_N, "the payload is not in canonical form");
    const preimage = this.#scratch.begin(payloadEnd - payload + FIXED_FIELDS_MAX);
    this.#digest(preimage.all(PAYLOAD_PLAIN_DOMAIN).part(bytes, payload, payloadEnd).view(), PLAIN_AT);
    expectFact(areEqual(this.#digests, PLAIN_AT, this.#hashes, PLAIN_AT), "the payload does not match its hash");
    expectFact(areEqual(ZERO_HASH, 0, this.#hashes, CIPHER_AT), "the cipher hash of a plain payload is not zero");
  }

  /** What the agent signed (ves-protocol §3.1). */
  #checkSigningHash(entry: Entry, stream: StreamRow, eventType: EventTypeRow): void {
    const { bytes, start, entityType, entityId, end } = entry;
    const { agentId, keyId, createdAt, createdEnd, isPlain } = this.#reading;
    const preimage = this.#scratch.begin(entry.end - entry.envelope + FIXED_FIELDS_MAX);
    preimage
      .all(EVENTSIG_DOMAIN)
      .u32(VES_VERSION)
      .all(stream.ids)
      .part(bytes, start, start + SIGNING_HASH_AT);
    preimage.all(agentId).u32(keyId);
    preimage.u32(entityId - entityType).part(bytes, entityType, entityId);
    preimage
      .u32(end - entityId)
      .part(bytes, entityId, end)
      .all(eventType.inPreimage);
    preimage.u32(createdEnd - createdAt).part(bytes, createdAt, createdEnd);
    preimage.u32(isPlain ? PAYLOAD_PLAIN : PAYLOAD_ENCRYPTED).part(this.#hashes, PLAIN_AT, CIPHER_AT + 32);
    this.#digest(preimage.view(), SIGNING_AT);
    const isItsHash = areEqual(this.#digests, SIGNING_AT, bytes, start + SIGNING_HASH_AT);
    expectFact(isItsHash, "signing_hash is not the hash of the stored envelope");
    if (this.#signatures === null) return;
    const publicKey = this.#references.signingKey(entry.row[2], agentId, keyId);
    const message = bytes.subarray(start + SIGNING_HASH_AT, start + AGENT_SIGNATURE_AT);
    const signature = bytes.subarray(start + AGENT_SIGNATURE_AT, start + RECEIPT_SIGNATURE_AT);
    this.#signatures.add(entry, { signature, message, publicKey }, FORGED_EVENT);
  }

  /** The receipt as clients get it (ves-protocol §7), and the frame it travels in. Returns the receipt's hash. */
  #checkReceipt(entry: Entry, stream: StreamRow): Uint8Array {
    const { row, bytes, start, envelope } = entry;
    const [, , , sequenceNumber, , , , sequencerRef, storedCheck] = row;
    const sequencer = this.#references.sequencer(sequencerRef);
    const preimage = this.#scratch.begin(FIXED_FIELDS_MAX).all(RECEIPT_DOMAIN).all(stream.ids);
    preimage.part(bytes, start, start + SIGNING_HASH_AT).u64(sequenceNumber);
    preimage.part(this.#digests, SIGNING_AT, SIGNING_AT + 32);
    this.#digest(preimage.view(), RECEIPT_AT);
    const receiptHash = this.#digests.subarray(RECEIPT_AT, RECEIPT_AT + 32);
    if (this.#signatures !== null) {
      const signature = bytes.subarray(start + RECEIPT_SIGNATURE_AT, envelope);
      // A copy: the next entry's hash takes its place.
      const message = new Uint8Array(receiptHash);
      this.#signatures.add(entry, { signature, message, publicKey: sequencer.publicKey }, FORGED_RECEIPT);
    }
    if (this.#references.expectsChecksum(row[0], storedCheck)) {
      const frame = frameBytes(entry, stream, sequencer, receiptHash);
      expectFact(frameCheck(frame) === storedCheck, "the frame does not match its checksum");
    }
    return receiptHash;
  }

  /** As text, for what is rare. */
  #fields({ bytes, start, entityType, entityId, end }: Entry, stream: StreamRow, eventType: EventTypeRow) {
    const { agentId, keyId, createdAt, createdEnd } = this.#reading;
    return {
      ...{ tenantId: stream.tenantId, storeId: stream.storeId, agentKeyId: keyId, eventType: eventType.text },
      eventId: uuidFromBytes(bytes.subarray(start, start + SIGNING_HASH_AT)),
      sourceAgentId: uuidFromBytes(agentId),
      entityType: bytes.toString("utf8", entityType, entityId),
      entityId: bytes.toString("utf8", entityId, end),
      createdAt: bytes.toString("utf8", createdAt, createdEnd),
    };
  }
}

/** True when no character of it needs an escape in JSON. */
function isPlainText(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}

/** Of 32 bytes each. */
function areEqual(a: Buffer, aAt: number, b: Buffer, bAt: number): boolean {
  let difference = 0;
  for (let i = 0; i < 32; i++) difference |= a[aAt + i]! ^ b[bAt + i]!;
  return difference === 0;
}
