/**
 * Offline checks of what the service hands out. They trust the sequencer's public keys and nothing else: pin them, or take them
 * once from `SequencerClient.sequencer()` over TLS. Not covered by any signature: offset, sequencedAt, sequencerId,
 * sequencerKeyVersion, receiptSignatureScheme, command_id, base_version, and of a legacy event envelope_version.
 */
import { bytesEqual } from "../base/bytes.js";
import { signingFieldsOf, verifyEvent } from "../protocol/agent-event.js";
import { CanonicalJsonError } from "../protocol/canonical-json.js";
import { type Ed25519, nobleEd25519, oneByOne, PUBLIC_KEY_BYTES } from "../protocol/ed25519.js";
import type { EventEnvelope } from "../protocol/envelope.js";
import { eventSigningHash } from "../protocol/event-signing.js";
import { JsonReadError } from "../protocol/json-errors.js";
import { legacyEventHash, legacyFieldsOf, legacyPayloadHash, legacyPayloadText } from "../protocol/legacy-event.js";
import { type Receipt, verifyReceiptSignature } from "../protocol/receipt.js";
import type { LegacyEntry, LogEntry } from "./answers.js";
import { isJsonObject, type JsonObject } from "./json-object.js";
import { payloadTextOf } from "./legacy-texts.js";

export interface VerifyOptions {
  /** 32 bytes: checks the agent's signature too. */
  readonly agentPublicKey?: Uint8Array;
  /** Default: pure JavaScript, about a millisecond a signature. Any other must keep the protocol's one Ed25519 rule. */
  readonly ed25519?: Ed25519;
}

/** Whose signatures count: of the key of now and of those before it, if there were any. An identity is one. */
export interface TrustedSigner {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly former?: readonly { readonly publicKey: Uint8Array }[];
}

/** Throws `TypeError` for keys that are hex, or bytes that went through JSON: nothing would verify, whoever signed it. */
export function expectKeys({ publicKey, former = [] }: TrustedSigner): void {
  for (const key of [publicKey, ...former.map((signer) => signer.publicKey)]) {
    if (ArrayBuffer.isView(key) && key.byteLength === PUBLIC_KEY_BYTES) continue;
    throw new TypeError(`verify: each publicKey must be a Uint8Array of ${PUBLIC_KEY_BYTES} bytes`);
  }
}

/** True when this receipt is the sequencer's signature over exactly this event and its number. Never throws. */
export function verifyReceipt(
  envelope: EventEnvelope,
  receipt: Receipt,
  sequencer: TrustedSigner,
  options: VerifyOptions = {},
): boolean {
  return receiptFault(envelope, receipt, sequencer, options) === null;
}

/** True when the entry's receipt is genuine and speaks of the entry's own stream, number and payload. Never throws. */
export function verifyEntry(entry: LogEntry, sequencer: TrustedSigner, options: VerifyOptions = {}): boolean {
  return entryFault(entry, sequencer, options) === null;
}

/** What is wrong with an entry, or null. */
export function entryFault(entry: LogEntry, sequencer: TrustedSigner, options: VerifyOptions = {}): string | null {
  if (!isJsonObject(entry) || !isJsonObject(entry.event) || !isJsonObject(entry.receipt))
    return "the entry is malformed";
  const { event, receipt } = entry;
  if (entry.tenant_id !== event.tenant_id || entry.store_id !== event.store_id) return "the event is of another stream";
  if (entry.sequence_number !== receipt.sequenceNumber) return "the receipt is for another sequence number";
  if (entry.kind === "event") return legacyReceiptFault(entry, sequencer, options);
  if (entry.kind !== "ves_event") return "entries of an unknown kind carry no receipt this client can check";
  return receiptFault(entry.event, receipt, sequencer, options);
}

/** There is no agent's signature: the receipt shows what the sequencer took from a credential, and the payload is that. */
function legacyReceiptFault(
  { event, receipt }: LegacyEntry,
  sequencer: TrustedSigner,
  options: VerifyOptions,
): string | null {
  try {
    const fields = legacyFieldsOf(event as unknown as JsonObject);
    if (fields === null) return "the entry is malformed";
    if (receipt.eventId !== event.event_id) return "the receipt is for another event";
    const payloadHash = legacyPayloadHash(legacyPayloadText(payloadTextOf(event)));
    if (!bytesEqual(payloadHash, fields.payloadHash)) return "the payload does not match the envelope";
    const signed = { ...fields, eventSigningHash: legacyEventHash(fields) };
    const isGenuine = isSigned(sequencer, (key) =>
      verifyReceiptSignature(receipt, signed, key, options.ed25519, "event"),
    );
    return isGenuine ? null : "the receipt's signature is not the sequencer's for this event";
  } catch (error) {
    if (error instanceof JsonReadError || error instanceof TypeError) return "the entry is malformed";
    throw error;
  }
}

function receiptFault(
  event: EventEnvelope,
  receipt: Receipt,
  sequencer: TrustedSigner,
  options: VerifyOptions,
): string | null {
  const ed25519 = options.ed25519 ?? nobleEd25519;
  try {
    const fields = signingFieldsOf(event);
    if (fields === null) return "the envelope could not have been signed";
    if (receipt.eventId !== event.event_id) return "the receipt is for another event";
    const { agentPublicKey } = options;
    const isIntact = agentPublicKey
      ? verifyEvent(event, agentPublicKey, ed25519)
      : verifyEvent(event, NO_KEY, PAYLOAD_ONLY);
    if (!isIntact) return "the payload or the agent's signature does not match the envelope";
    const signed = { tenantId: fields.tenantId, storeId: fields.storeId, eventSigningHash: eventSigningHash(fields) };
    const isGenuine = isSigned(sequencer, (key) => verifyReceiptSignature(receipt, signed, key, ed25519));
    return isGenuine ? null : "the receipt's signature is not the sequencer's for this event";
  } catch (error) {
    // Members of the wrong type, from a service that is not to be trusted.
    if (error instanceof CanonicalJsonError || error instanceof TypeError) return "the entry is malformed";
    throw error;
  }
}

/** Neighbours in a log are nearly always signed by one key: the next receipt is tried with it first. */
const lastKeys = new WeakMap<TrustedSigner, Uint8Array>();

function isSigned(sequencer: TrustedSigner, isBy: (publicKey: Uint8Array) => boolean): boolean {
  const { publicKey, former = [] } = sequencer;
  const keys = [publicKey, ...former.map((signer) => signer.publicKey)];
  const last = lastKeys.get(sequencer);
  if (last !== undefined && keys.includes(last) && isBy(last)) return true;
  const found = keys.find((key) => key !== last && isBy(key));
  if (found === undefined) return false;
  lastKeys.set(sequencer, found);
  return true;
}

const NO_KEY = new Uint8Array();

/** `verifyEvent` without the one check that needs the agent's key: the payload still has to match the signed hash. */
const PAYLOAD_ONLY: Ed25519 = oneByOne({ ...nobleEd25519, name: "payload only", verify: () => true });
