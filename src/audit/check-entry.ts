/**
 * One entry judged on its own bytes: canonical envelope, payload hash, signing hash, agent signature, receipt, columns,
 * checksum. What depends on other entries is `order-check.ts`. Throws AuditFault at the first fact that does not hold.
 */
import { fromHex, toHex } from "../base/bytes.js";
import type { Uuid } from "../base/ids.js";
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

/**
 * Columns of an entry and of its entity, by position. The bytes come as one value: five Buffers a row cost more than all
 * else about reading it. Should a damaged length shift one part into the next, none of them holds what it must.
 */
export const ENTRY_COLUMNS = `e."offset", e.kind, e.stream_ref, e.sequence_number, e.entity_ref, e.event_type_ref,
  e.sequenced_at_ms, e.sequencer_ref, e.frame_crc32, n.stream_ref, n.entity_type, n.entity_id,
  CAST(e.event_id || e.signing_hash || e.agent_signature || e.receipt_signature || e.envelope AS BLOB)`;

export type EntryRow = readonly [
  offset: number,
  kind: number,
  streamRef: number,
  sequenceNumber: number,
  entityRef: number,
  eventTypeRef: number,
  sequencedAtMs: number,
  sequencerRef: number,
  frameCheck: number | null,
  entityStreamRef: number | null,
  entityType: string | null,
  entityId: string | null,
  bytes: Buffer,
];

const EVENT_ID_END = 16;
const SIGNING_HASH_END = EVENT_ID_END + 32;
const AGENT_SIGNATURE_END = SIGNING_HASH_END + 64;
const RECEIPT_SIGNATURE_END = AGENT_SIGNATURE_END + 64;

/** `ed25519` null = signatures are not checked. */
export function checkEntry(row: EntryRow, references: References, ed25519: Ed25519 | null): StoredEnvelope {
  const bytes = row[12];
  const stream = references.stream(row[2]);
  const envelopeBytes = bytes.subarray(RECEIPT_SIGNATURE_END);
  const envelope = readStoredEnvelope(envelopeBytes);
  checkColumns(row, envelope, stream, references);
  const signingHash = eventSigningHash(checkHashes(envelope));
  const isItsHash = bytes.compare(signingHash, 0, 32, EVENT_ID_END, SIGNING_HASH_END) === 0;
  expectFact(isItsHash, "signing_hash is not the hash of the stored envelope");
  if (ed25519 !== null) {
    const key = references.signingKey(envelope.tenantId, envelope.sourceAgentId, envelope.agentKeyId);
    const signature = bytes.subarray(SIGNING_HASH_END, AGENT_SIGNATURE_END);
    expectFact(
      ed25519.verify(signature, signingHash, key),
      "the agent's signature does not verify with its registered key",
    );
  }
  const event = { ...stream, eventId: bytes.subarray(0, EVENT_ID_END), signingHash, envelope: envelopeBytes };
  checkReceipt(row, event, envelope.eventId, references, ed25519);
  return envelope;
}

function checkColumns(row: EntryRow, envelope: StoredEnvelope, stream: StreamRow, references: References): void {
  const bytes = row[12];
  const eventId = bytes.toString("hex", 0, EVENT_ID_END);
  expectFact(eventId === envelope.eventId.replaceAll("-", ""), "event_id is not the envelope's");
  const isItsStream = stream.tenantId === envelope.tenantId && stream.storeId === envelope.storeId;
  expectFact(isItsStream, "the stream is not the envelope's");
  expectFact(row[9] === row[2], "its entity is not stored, or belongs to another stream");
  expectFact(row[10] === envelope.entityType && row[11] === envelope.entityId, "the entity is not the envelope's");
  expectFact(references.eventType(row[5]) === envelope.eventType, "the event type is not the envelope's");
  const signature = bytes.toString("hex", SIGNING_HASH_END, AGENT_SIGNATURE_END);
  expectFact(signature === envelope.agentSignature, "agent_signature is not the envelope's");
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
function checkReceipt(
  row: EntryRow,
  event: StreamRow & { readonly [P in "eventId" | "signingHash" | "envelope"]: Uint8Array },
  eventId: Uuid,
  references: References,
  ed25519: Ed25519 | null,
): void {
  const [offset, , , sequenceNumber, , , sequencedAtMs, sequencerRef, storedCheck] = row;
  const { tenantId, storeId } = event;
  const hash = receiptHash({ tenantId, storeId, eventId, sequenceNumber, eventSigningHash: event.signingHash });
  const receiptSignature = row[12].subarray(AGENT_SIGNATURE_END, RECEIPT_SIGNATURE_END);
  const sequencer = references.sequencer(sequencerRef);
  if (ed25519 !== null) {
    const isGenuine = ed25519.verify(receiptSignature, hash, sequencer.publicKey);
    expectFact(isGenuine, "the receipt's signature does not verify with the sequencer's key");
  }
  if (storedCheck === null) return;
  const sequenced = { ...event, sequenceNumber, sequencedAtMs, sequencer, receiptSignature };
  const frame = encodeFrame(offset, sequenced, encodeReceipt(sequenced, hash));
  expectFact(frameCheck(frame) === storedCheck, "the frame does not match its checksum");
}
