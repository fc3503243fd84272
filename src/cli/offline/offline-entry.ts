/** An entry as any route or subscription shows it, or `{event, receipt}`, with every member that is computed with typed. */
import { fromHex } from "../../base/bytes.js";
import { integerAt, objectOf, readEntry, textAt } from "../../client/answers.js";
import type { JsonObject } from "../../client/json-object.js";
import { SequencerError } from "../../client/sequencer-error.js";
import { matchesPayload, signingFieldsOf } from "../../protocol/agent-event.js";
import { CanonicalJsonError } from "../../protocol/canonical-json.js";
import type { Ed25519 } from "../../protocol/ed25519.js";
import { type EventEnvelope, VES_VERSION } from "../../protocol/envelope.js";
import { eventSigningHash, type SigningFields } from "../../protocol/event-signing.js";
import type { Receipt } from "../../protocol/receipt.js";
import { type Checklist, unless } from "./checklist.js";

export interface OfflineEntry {
  readonly event: EventEnvelope;
  readonly receipt: Receipt;
  /** What the entry says beside its event; null when it was given without. */
  readonly place: { readonly tenantId: string; readonly storeId: string; readonly sequenceNumber: number } | null;
}

/** What follows from an event whose payload is intact. */
export interface SignedFacts {
  readonly fields: SigningFields;
  readonly signingHash: Uint8Array;
  /** 64 bytes. */
  readonly agentSignature: Uint8Array;
}

const VES_ENTRY = "ves_event";
const EVENT_TEXTS = ["event_id", "tenant_id", "store_id", "source_agent_id", "entity_type", "entity_id", "event_type"];
const EVENT_CODES = ["created_at", "payload_plain_hash", "payload_cipher_hash", "agent_signature"];
const EVENT_INTEGERS = ["ves_version", "agent_key_id", "payload_kind"];
const RECEIPT_TEXTS = ["sequencerId", "eventId", "sequencedAt", "receiptHash", "signatureAlg", "sequencerSignature"];

/** Throws SequencerError for a member of the wrong type. */
export function readOfflineEntry(value: unknown): OfflineEntry {
  const entry = objectOf(value);
  // Before its members are missed: a legacy entry is a whole one, of a kind whose receipts the SDK checks.
  const kind = entry.kind ?? VES_ENTRY;
  if (kind !== VES_ENTRY) throw invalid(`a ${VES_ENTRY}, not an entry of kind ${JSON.stringify(kind)}`);
  const event = objectOf(entry.event);
  const receipt = objectOf(entry.receipt);
  for (const name of [...EVENT_TEXTS, ...EVENT_CODES]) textAt(event, name);
  for (const name of EVENT_INTEGERS) integerAt(event, name);
  const encrypted = event.payload_encrypted ?? null;
  if (encrypted !== null) expectEncrypted(objectOf(encrypted));
  for (const name of RECEIPT_TEXTS) textAt(receipt, name);
  integerAt(receipt, "sequenceNumber");
  const typed = { event: event as unknown as EventEnvelope, receipt: receipt as unknown as Receipt };
  return entry.kind === undefined && entry.sequence_number === undefined
    ? { ...typed, place: null }
    : { ...typed, place: placeOf(entry) };
}

function placeOf(entry: JsonObject): OfflineEntry["place"] {
  const { sequence_number: sequenceNumber } = readEntry(entry);
  return { tenantId: textAt(entry, "tenant_id"), storeId: textAt(entry, "store_id"), sequenceNumber };
}

function expectEncrypted(encrypted: JsonObject): void {
  integerAt(encrypted, "enc_version");
  for (const name of ["aead", "nonce_b64u", "ciphertext_b64u", "tag_b64u"]) textAt(encrypted, name);
  const hpke = objectOf(encrypted.hpke);
  for (const name of ["mode", "kem", "kdf", "aead"]) textAt(hpke, name);
  if (!Array.isArray(encrypted.recipients)) throw invalid("recipients");
  for (const recipient of encrypted.recipients.map(objectOf)) {
    integerAt(recipient, "recipient_kid");
    textAt(recipient, "enc_b64u");
    textAt(recipient, "ct_b64u");
  }
}

function invalid(what: string): SequencerError {
  return new SequencerError({ code: "INVALID_RESPONSE", message: `the entry is not what was expected: ${what}` });
}

/** The event's signed facts, or the fault why there are none. */
export function signedFacts(event: EventEnvelope): SignedFacts | string {
  const fields = signingFieldsOf(event);
  const agentSignature = fromHex(event.agent_signature, 64);
  if (fields === null || agentSignature === null) return "an id, hash or signature of the event is malformed";
  if (fields.vesVersion !== VES_VERSION) return `ves_version is ${fields.vesVersion}`;
  return { fields, signingHash: eventSigningHash(fields), agentSignature };
}

export function payloadFault(event: EventEnvelope, { fields }: SignedFacts): string | null {
  try {
    return unless(matchesPayload(event, fields), "the payload is not the one that was signed");
  } catch (error) {
    if (error instanceof CanonicalJsonError) return "the payload has no canonical form";
    throw error;
  }
}

/** Adds the checks every entry gets. Null when the rest cannot be computed. */
export function checkEntry(
  list: Checklist,
  { event, receipt, place }: OfflineEntry,
  agentKey: Uint8Array | null,
  ed25519: Ed25519,
): SignedFacts | null {
  const signed = signedFacts(event);
  if (typeof signed === "string") {
    list.add("event envelope", signed);
    return null;
  }
  list.add("event envelope", null);
  list.add("payload hash", payloadFault(event, signed));
  list.add("receipt is for this event", unless(receipt.eventId === event.event_id, `it is for ${receipt.eventId}`));
  if (place !== null) {
    const isSame = place.tenantId === event.tenant_id && place.storeId === event.store_id;
    list.add("entry's stream", unless(isSame, "the entry and its event name different streams"));
    const stated = `the entry says ${place.sequenceNumber}, its receipt ${receipt.sequenceNumber}`;
    list.add("entry's sequence number", unless(place.sequenceNumber === receipt.sequenceNumber, stated));
  }
  const { sequence_number: own = null } = event as unknown as JsonObject;
  if (own !== null) {
    // No signature covers it, and a reader of the event alone would believe it.
    const isSame = own === receipt.sequenceNumber;
    list.add("event's sequence number", unless(isSame, "the event states another than its receipt"));
  }
  if (agentKey === null) list.note("agent signature not checked: no --agent-key");
  else {
    const isAgents = ed25519.verify(signed.agentSignature, signed.signingHash, agentKey);
    list.add("agent signature", unless(isAgents, "it is not by this key"));
  }
  return signed;
}
