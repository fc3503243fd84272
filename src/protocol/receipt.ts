import { bytesEqual, fromHex, utf8 } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { DOMAIN_LEGACY_RECEIPT, DOMAIN_RECEIPT } from "./domains.js";
import { type Ed25519, nobleEd25519 } from "./ed25519.js";
import type { EntryKind } from "./entry-kind.js";
import { sha256 } from "./sha256.js";

/**
 * The sequencer's signed answer to one event (spec §7). The hash binds stream, event, number and signing hash;
 * sequencerId, sequencedAt and the key version are NOT covered by it.
 */
export interface ReceiptFields {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly eventId: Uuid;
  /** From 1, gap-free in its stream. */
  readonly sequenceNumber: number | bigint;
  /** 32 bytes. */
  readonly eventSigningHash: Uint8Array;
}

/** Members and names as they travel over REST. Hex is lower case WITHOUT `0x` (spec §1.2). */
export interface Receipt {
  readonly sequencerId: string;
  readonly eventId: Uuid;
  readonly sequenceNumber: number;
  /** RFC 3339; the stored text, so that a replayed receipt has the same bytes. */
  readonly sequencedAt: string;
  readonly receiptHash: string;
  readonly signatureAlg: "ed25519" | "none";
  /** 64 bytes of hex, or empty when signatureAlg is "none". */
  readonly sequencerSignature: string;
  readonly sequencerKeyVersion: number;
  /** 1 for Ed25519; omitted when 0. */
  readonly receiptSignatureScheme?: number;
}

/** A receipt for an entry of one kind is never one of the other. */
const DOMAINS: Readonly<Record<EntryKind, Uint8Array>> = {
  ves_event: utf8(DOMAIN_RECEIPT),
  event: utf8(DOMAIN_LEGACY_RECEIPT),
};

const writer = new ByteWriter(128);

/** An id as text, or its 16 bytes in textual order. */
type Id = Uuid | Uint8Array;

/** `receipt_hash` of ids as they are at hand: the same hash without spelling them out first. */
export function receiptHashOfIds(
  tenantId: Id,
  storeId: Id,
  eventId: Id,
  sequenceNumber: number | bigint,
  eventSigningHash: Uint8Array,
  kind: EntryKind,
): Uint8Array {
  writer.reset().bytes(DOMAINS[kind]);
  putId(tenantId);
  putId(storeId);
  putId(eventId);
  return sha256(writer.u64(sequenceNumber).bytes(eventSigningHash).view());
}

function putId(id: Id): void {
  if (typeof id === "string") writer.uuid(id);
  else writer.bytes(id);
}

/** `receipt_hash`, 32 bytes: over a 102-byte preimage for a VES event. For a legacy event the signing hash is `legacyEventHash`. */
export function receiptHash(fields: ReceiptFields, kind: EntryKind = "ves_event"): Uint8Array {
  const { tenantId, storeId, eventId, sequenceNumber, eventSigningHash } = fields;
  return receiptHashOfIds(tenantId, storeId, eventId, sequenceNumber, eventSigningHash, kind);
}

/**
 * True when the receipt's hash recomputes for this stream and event AND the signature over it is the sequencer's. An
 * unsigned receipt is never verified. Never throws on receipts that came from JSON of the right types.
 */
export function verifyReceiptSignature(
  receipt: Receipt,
  event: Pick<ReceiptFields, "tenantId" | "storeId" | "eventSigningHash">,
  sequencerPublicKey: Uint8Array,
  ed25519: Ed25519 = nobleEd25519,
  kind: EntryKind = "ves_event",
): boolean {
  if (!Number.isSafeInteger(receipt.sequenceNumber) || receipt.sequenceNumber < 1) return false;
  if (parseUuid(receipt.eventId) !== receipt.eventId) return false;
  const hash = receiptHash({ ...event, eventId: receipt.eventId, sequenceNumber: receipt.sequenceNumber }, kind);
  const claimedHash = fromHex(receipt.receiptHash, 32);
  const signature = fromHex(receipt.sequencerSignature, 64);
  if (receipt.signatureAlg !== "ed25519" || claimedHash === null || signature === null) return false;
  return bytesEqual(hash, claimedHash) && ed25519.verify(signature, hash, sequencerPublicKey);
}
