/**
 * One entry judged on its own bytes: canonical envelope, payload hash, signing hash, agent signature, receipt, columns,
 * checksum. What depends on other entries is `order-check.ts`. Throws AuditFault at the first fact that does not hold.
 */
import { fromHex, toHex } from "../base/bytes.js";
import { uuidFromBytes } from "../base/ids.js";
import { canonicalJson } from "../protocol/canonical-json.js";
import { checkEncryptedPayload } from "../protocol/check-encrypted-payload.js";
import type { Ed25519 } from "../protocol/ed25519.js";
import { type EncryptedPayload, PAYLOAD_ENCRYPTED, PAYLOAD_PLAIN, VES_VERSION } from "../protocol/envelope.js";
import { eventSigningHash } from "../protocol/event-signing.js";
import { payloadAad, payloadCipherHash, payloadPlainHash, ZERO_HASH } from "../protocol/payload-hash.js";
import { receiptHash } from "../protocol/receipt.js";
import { encodeFrame, encodeReceipt, frameCheck } from "../store/entry-frame.js";
import { expectFact } from "./audit-fault.js";
import type { References, StreamRow } from "./references.js";
import { readStoredEnvelope, type StoredEnvelope } from "./stored-envelope.js";

/** Columns of an entry and of its entity, by position. */
export const ENTRY_COLUMNS = `e."offset", e.kind, e.stream_ref, e.sequence_number, e.event_id, e.entity_ref,
  e.event_type_ref, e.sequenced_at_ms, e.sequencer_ref, e.signing_hash, e.agent_signature, e.receipt_signature, e.envelope,
  e.frame_crc32, n.stream_ref, n.entity_type, n.entity_id`;

export type EntryRow = readonly [
  offset: number,
  kind: number,
  streamRef: number,
  sequenceNumber: number,
  eventId: Buffer,
  entityRef: number,
  eventTypeRef: number,
  sequencedAtMs: number,
  sequencerRef: number,
  signingHash: Buffer,
  agentSignature: Buffer,
  receiptSignature: Buffer,
  envelope: Buffer,
  frameCheck: number | null,
  entityStreamRef: number | null,
  entityType: string | null,
  entityId: string | null,
];

/** `ed25519` null = signatures are not checked. */
export function checkEntry(row: EntryRow, references: References, ed25519: Ed25519 | null): StoredEnvelope {
  const stream = references.stream(row[2]);
  const envelope = readStoredEnvelope(row[12]);
  checkColumns(row, envelope, stream, references);
  const signed = checkHashes(envelope);
  const signingHash = eventSigningHash(signed);
  expectFact(row[9].equals(signingHash), "signing_hash is not the hash of the stored envelope");
  if (ed25519 !== null) {
    const key = references.signingKey(envelope.tenantId, envelope.sourceAgentId, envelope.agentKeyId);
    expectFact(
      ed25519.verify(row[10], signingHash, key),
      "the agent's signature does not verify with its registered key",
    );
  }
  checkReceipt(row, stream, references, ed25519);
  return envelope;
}

function checkColumns(row: EntryRow, envelope: StoredEnvelope, stream: StreamRow, references: References): void {
  expectFact(uuidFromBytes(row[4]) === envelope.eventId, "event_id is not the envelope's");
  const isItsStream = stream.tenantId === envelope.tenantId && stream.storeId === envelope.storeId;
  expectFact(isItsStream, "the stream is not the envelope's");
  expectFact(row[14] === row[2], "its entity is not stored, or belongs to another stream");
  expectFact(row[15] === envelope.entityType && row[16] === envelope.entityId, "the entity is not the envelope's");
  expectFact(references.eventType(row[6]) === envelope.eventType, "the event type is not the envelope's");
  expectFact(row[10].toString("hex") === envelope.agentSignature, "agent_signature is not the envelope's");
  if (envelope.commandId === null) return;
  expectFact(references.hasCommand(row[2], envelope.commandId), "its command id is not stored");
}

/** The payload is in canonical form and is what the hashes say. Returns what the agent signed. */
function checkHashes(envelope: StoredEnvelope): Parameters<typeof eventSigningHash>[0] {
  expectFact(envelope.vesVersion === VES_VERSION, "the envelope's version is not 1");
  const { payload, payloadText, payloadKind } = envelope;
  if (payloadKind === PAYLOAD_PLAIN) {
    expectFact(payload !== null && canonicalJson(payload) === payloadText, "the payload is not in canonical form");
    const plainHash = payloadPlainHash(payloadText);
    expectFact(toHex(plainHash) === envelope.plainHash, "the payload does not match its hash");
    expectFact(envelope.cipherHash === ZERO_HASH_HEX, "the cipher hash of a plain payload is not zero");
    return { ...envelope, payloadPlainHash: plainHash, payloadCipherHash: ZERO_HASH };
  }
  expectFact(payloadKind === PAYLOAD_ENCRYPTED, "the payload kind is unknown");
  const encrypted = inOrder(payload as unknown as EncryptedPayload);
  expectFact(JSON.stringify(encrypted) === payloadText, "the encrypted payload is not in its stored form");
  const parts = checkEncryptedPayload(encrypted);
  expectFact(!("field" in parts), "the encrypted payload is malformed");
  const plainHash = fromHex(envelope.plainHash, 32)!;
  const cipherHash = payloadCipherHash(parts, payloadAad(envelope, plainHash));
  expectFact(toHex(cipherHash) === envelope.cipherHash, "the encrypted payload does not match its hash");
  return { ...envelope, payloadPlainHash: plainHash, payloadCipherHash: cipherHash };
}

const ZERO_HASH_HEX = toHex(ZERO_HASH);

/** Exactly the members of ves-protocol §4.5, in their stored order. */
function inOrder(payload: EncryptedPayload): EncryptedPayload {
  const { enc_version, aead, nonce_b64u, ciphertext_b64u, tag_b64u, hpke, recipients } = payload;
  return {
    ...{ enc_version, aead, nonce_b64u, ciphertext_b64u, tag_b64u },
    hpke: { mode: hpke.mode, kem: hpke.kem, kdf: hpke.kdf, aead: hpke.aead },
    recipients: recipients.map(({ recipient_kid, enc_b64u, ct_b64u }) => ({ recipient_kid, enc_b64u, ct_b64u })),
  };
}

/** The receipt as clients get it, and the frame it travels in. */
function checkReceipt(row: EntryRow, stream: StreamRow, references: References, ed25519: Ed25519 | null): void {
  const [offset, , , sequenceNumber, eventId, , , sequencedAtMs, sequencerRef, signingHash, , receiptSignature] = row;
  const ids = { ...stream, eventId: uuidFromBytes(eventId), sequenceNumber };
  const hash = receiptHash({ ...ids, eventSigningHash: signingHash });
  const sequencer = references.sequencer(sequencerRef);
  if (ed25519 !== null) {
    const isGenuine = ed25519.verify(receiptSignature, hash, sequencer.publicKey);
    expectFact(isGenuine, "the receipt's signature does not verify with the sequencer's key");
  }
  if (row[13] === null) return;
  const facts = { eventId, sequenceNumber, sequencedAtMs, sequencer, signingHash, receiptSignature };
  const event = { ...stream, ...facts, envelope: row[12] };
  const frame = encodeFrame(offset, event, encodeReceipt(event, hash));
  expectFact(frameCheck(frame) === row[13], "the frame does not match its checksum");
}
