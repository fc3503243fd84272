/** One legacy event judged on its own bytes, as `check-entry.ts` judges the other kind. There is no agent's signature to check. */
import { fromHex, toHex } from "../base/bytes.js";
import { uuidToBytes } from "../base/ids.js";
import { legacyEventHash, legacyPayloadHash, legacyPayloadText } from "../protocol/legacy-event.js";
import type { SequencedEvent } from "../store/contract.js";
import { encodeEntry, frameCheck, receiptHashOf } from "../store/entry-frame.js";
import { expectFact } from "./audit-fault.js";
import { type EntryClaims, FORGED_RECEIPT } from "./check-entry.js";
import { type Entry, LEGACY_RECEIPT_SIGNATURE_AT, PAYLOAD_HASH_AT, SIGNING_HASH_AT } from "./entry-rows.js";
import type { EntrySignatures } from "./entry-signatures.js";
import type { References, StreamRow } from "./references.js";
import { readStoredLegacyEnvelope, type StoredLegacyEnvelope } from "./stored-legacy-envelope.js";

export class LegacyEntryChecker {
  readonly #references: References;
  readonly #signatures: EntrySignatures | null;

  /** See `EntryChecker`. */
  constructor(references: References, signatures: EntrySignatures | null) {
    this.#references = references;
    this.#signatures = signatures;
  }

  /** Throws AuditFault at the first fact that does not hold. */
  check(entry: Entry): EntryClaims {
    const { row, bytes, start } = entry;
    const stream = this.#references.stream(row[2]);
    const envelope = readStoredLegacyEnvelope(bytes.subarray(entry.envelope, entry.envelopeEnd));
    this.#checkPlace(entry, envelope, stream);
    const { payloadText, payloadHash, commandId, baseVersion } = envelope;
    expectFact(legacyPayloadText(payloadText) === payloadText, "the payload is not in its stored form");
    expectFact(toHex(legacyPayloadHash(payloadText)) === payloadHash, "the payload does not match its hash");
    const stored = bytes.toString("hex", start + PAYLOAD_HASH_AT, start + LEGACY_RECEIPT_SIGNATURE_AT);
    expectFact(stored === payloadHash, "payload_hash is not the envelope's");
    const receiptHash = this.#checkReceipt(entry, envelope, stream);
    return {
      baseVersion: baseVersion === null ? -1 : Number(baseVersion),
      hasCommand: commandId !== null,
      receiptHash,
    };
  }

  #checkPlace({ row, bytes, ...at }: Entry, envelope: StoredLegacyEnvelope, stream: StreamRow): void {
    const { eventId, tenantId, storeId, entityType, entityId, eventType, commandId } = envelope;
    const stored = bytes.toString("hex", at.start, at.start + SIGNING_HASH_AT);
    expectFact(stored === eventId.replaceAll("-", ""), "event_id is not the envelope's");
    expectFact(stream.tenantId === tenantId && stream.storeId === storeId, "the stream is not the envelope's");
    const isItsEntity =
      bytes.toString("utf8", at.entityType, at.entityId) === entityType &&
      bytes.toString("utf8", at.entityId, at.end) === entityId;
    expectFact(isItsEntity, "the entity is not the envelope's");
    expectFact(this.#references.eventType(row[5]).text === eventType, "the event type is not the envelope's");
    if (commandId === null) return;
    const isStored = this.#references.hasLegacyCommand(row[2], uuidToBytes(commandId));
    expectFact(isStored, "its command id is not stored");
  }

  /** What the receipt covers, the receipt, and the frame it travels in. Returns the receipt's hash. */
  #checkReceipt(entry: Entry, envelope: StoredLegacyEnvelope, { tenantId, storeId }: StreamRow): Uint8Array {
    const { row, bytes, start } = entry;
    const [offset, , , sequenceNumber, , , sequencedAtMs, sequencerRef, storedCheck] = row;
    const signingHash = legacyEventHash({ ...envelope, payloadHash: fromHex(envelope.payloadHash, 32)! });
    const isItsHash = bytes.compare(signingHash, 0, 32, start + SIGNING_HASH_AT, start + PAYLOAD_HASH_AT) === 0;
    expectFact(isItsHash, "signing_hash is not the hash of the stored envelope");
    const sequencer = this.#references.sequencer(sequencerRef);
    const event: SequencedEvent = {
      ...{ kind: "event", tenantId, storeId, sequenceNumber, sequencedAtMs, sequencer, signingHash },
      eventId: bytes.subarray(start, start + SIGNING_HASH_AT),
      receiptSignature: bytes.subarray(start + LEGACY_RECEIPT_SIGNATURE_AT, entry.envelope),
      envelope: bytes.subarray(entry.envelope, entry.envelopeEnd),
    };
    const hash = receiptHashOf(event);
    const check = { signature: event.receiptSignature, message: hash, publicKey: sequencer.publicKey };
    this.#signatures?.add(entry, check, FORGED_RECEIPT);
    if (this.#references.expectsChecksum(offset, storedCheck)) {
      const { frame } = encodeEntry(offset, event, hash);
      expectFact(frameCheck(frame) === storedCheck, "the frame does not match its checksum");
    }
    return hash;
  }
}
