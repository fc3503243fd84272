/**
 * What the service answers, in this client's names, read at the edge: members the client computes with are checked, the
 * rest of an entry is the service's own JSON. Every reader throws INVALID_RESPONSE.
 */
import { fromHex } from "../base/bytes.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { PUBLIC_KEY_BYTES } from "../protocol/ed25519.js";
import type { EventEnvelope } from "../protocol/envelope.js";
import type { LegacyEnvelope } from "../protocol/legacy-event.js";
import type { Receipt } from "../protocol/receipt.js";
import { isJsonObject, type JsonObject } from "./json-object.js";
import { parseEntries } from "./legacy-texts.js";
import { SequencerError } from "./sequencer-error.js";

/** One row of the log, as every route and the WebSocket show it. Which event it holds follows from its kind. */
export type LogEntry = VesEntry | LegacyEntry;

export interface VesEntry extends EntryPlace {
  readonly kind: "ves_event";
  readonly event: EventEnvelope;
}

/** A legacy event: nothing of it is signed by its agent. */
export interface LegacyEntry extends EntryPlace {
  readonly kind: "event";
  readonly event: LegacyEnvelope;
}

interface EntryPlace {
  /** Global, from 0, gap-free over all tenants. */
  readonly offset: number;
  readonly tenant_id: Uuid;
  readonly store_id: Uuid;
  /** Of the tenant's store, from 1, gap-free. */
  readonly sequence_number: number;
  /** RFC 3339. */
  readonly sequenced_at: string;
  readonly receipt: Receipt;
}

/** Which log a cursor belongs to: offsets of another log, or from before a restore, mean nothing. */
export interface LogIdentity {
  readonly logId: string;
  readonly epoch: number;
}

/** Who signed receipts at some time. */
export interface ReceiptSigner {
  readonly sequencerId: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** What receipts are checked against. */
export interface SequencerIdentity extends LogIdentity, ReceiptSigner {
  /** Signed before the key or the id changed; newest first. */
  readonly former: readonly ReceiptSigner[];
}

export interface LogHead extends LogIdentity {
  /** Offset the next entry will get. */
  readonly nextOffset: number;
  /** Last sequence number of the stream asked for (0 = unused), or null when none was. */
  readonly headSequence: number | null;
}

export interface LogPage extends LogIdentity {
  readonly entries: readonly LogEntry[];
  /** Where the next page starts; entries between that did not match are not worth asking for again. */
  readonly nextOffset: number;
  /** Where the log ended when the page was made. */
  readonly headOffset: number;
}

export interface StreamPage {
  /** Few or none does not mean that no more come. */
  readonly entries: readonly VesEntry[];
  /** `from` of the next page, if it is at most `headSequence`. */
  readonly nextSequence: number;
  /** Last sequence number of the stream, 0 = unused. */
  readonly headSequence: number;
}

export interface Rejection {
  readonly eventId: string;
  /**
   * Machine-readable; compare the part before `:` (ves-protocol §6). `duplicate_event_id`: another event has the id, or this one
   * stands in the request twice. `duplicate_command_id`: another event did what the command asks. `version_conflict`: the entity
   * is not at `baseVersion`. `agent_key_invalid`: unknown, revoked or out of its time. `schema_validation`: the member behind
   * the colon. `invalid_signature`, `invalid_payload_hash`, `invalid_cipher_hash`, `unsupported_version`: not as it was signed.
   */
  readonly reason: string;
  readonly message: string;
}

export interface SubmitResult {
  readonly batchId: string;
  /** Newly stored by the attempt that was answered: an event that an earlier attempt stored has a receipt only. */
  readonly accepted: number;
  readonly rejected: number;
  readonly sequenceStart: number | null;
  readonly sequenceEnd: number | null;
  readonly headSequence: number;
  readonly rejections: readonly Rejection[];
  /** One per event that is in the log, replays first. */
  readonly receipts: readonly Receipt[];
}

export function readIdentity(answer: unknown): SequencerIdentity {
  const body = objectOf(answer);
  // A service of before there were others to name leaves them out.
  const former = body.former === undefined ? [] : listAt(body, "former").map((signer) => readSigner(objectOf(signer)));
  return { ...readLog(body), ...readSigner(body), former };
}

function readSigner(signer: JsonObject): ReceiptSigner {
  const publicKey = fromHex(textAt(signer, "public_key"), PUBLIC_KEY_BYTES);
  if (publicKey === null) throw invalid("public_key");
  return { sequencerId: textAt(signer, "sequencer_id"), publicKey };
}

export function readHead(answer: unknown): LogHead {
  const body = objectOf(answer);
  const headSequence = body.head_sequence === undefined ? null : integerAt(body, "head_sequence");
  return { ...readLog(body), nextOffset: integerAt(body, "next_offset"), headSequence };
}

export function readLogPage(answer: unknown): LogPage {
  const body = objectOf(answer);
  return {
    ...readLog(body),
    entries: listAt(body, "entries").map(readEntry),
    nextOffset: integerAt(body, "next_offset"),
    headOffset: integerAt(body, "head_offset"),
  };
}

export function readStreamPage(answer: unknown): StreamPage {
  const body = objectOf(answer);
  return {
    entries: listAt(body, "events").map(readVesEntry),
    nextSequence: integerAt(body, "next_sequence"),
    headSequence: integerAt(body, "head_sequence"),
  };
}

/** Throws for an answer that leaves one of the events out as well: of another request, perhaps. */
export function readSubmitResult(answer: unknown, envelopes: readonly EventEnvelope[]): SubmitResult {
  const result = readIngestAnswer(objectOf(answer));
  const judged = new Set([...result.receipts, ...result.rejections].map(({ eventId }) => eventId));
  const missing = envelopes.find(({ event_id: id }) => !judged.has(parseUuid(id) ?? id));
  if (missing !== undefined) throw invalid(`it says nothing of event ${missing.event_id}`);
  return result;
}

function readIngestAnswer(body: JsonObject): SubmitResult {
  return {
    batchId: textAt(body, "batchId"),
    accepted: integerAt(body, "eventsAccepted"),
    rejected: integerAt(body, "eventsRejected"),
    sequenceStart: body.sequenceStart === null ? null : integerAt(body, "sequenceStart"),
    sequenceEnd: body.sequenceEnd === null ? null : integerAt(body, "sequenceEnd"),
    headSequence: integerAt(body, "headSequence"),
    rejections: listAt(body, "rejections").map(readRejection),
    receipts: listAt(body, "receipts").map(readReceipt),
  };
}

/** As far as it says of which event it is; `verifyReceipt` judges the rest. */
function readReceipt(value: unknown): Receipt {
  const receipt = objectOf(value);
  textAt(receipt, "eventId");
  return receipt as unknown as Receipt;
}

function readRejection(value: unknown): Rejection {
  const rejection = objectOf(value);
  return {
    eventId: textAt(rejection, "event_id"),
    reason: textAt(rejection, "reason"),
    message: textAt(rejection, "message"),
  };
}

/** An entry as far as order and routing need it; `verifyEntry` judges the rest. */
export function readEntry(value: unknown): LogEntry {
  const entry = objectOf(value);
  integerAt(entry, "offset");
  integerAt(entry, "sequence_number");
  textAt(entry, "kind");
  objectOf(entry.event);
  objectOf(entry.receipt);
  return entry as unknown as LogEntry;
}

export function readVesEntry(value: unknown): VesEntry {
  const entry = readEntry(value);
  if (entry.kind !== "ves_event") throw invalid("kind");
  return entry;
}

/** A WebSocket frame: one entry, or with `batch` an array of them. */
export function readFrame(text: string): LogEntry[] {
  let value: unknown;
  try {
    value = parseEntries(text);
  } catch {
    throw invalid("the frame");
  }
  return Array.isArray(value) ? value.map(readEntry) : [readEntry(value)];
}

export function objectOf(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw invalid("an object");
  return value;
}

export function textAt(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw invalid(name);
  return value;
}

export function integerAt(body: JsonObject, name: string): number {
  const value = body[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw invalid(name);
  return value;
}

/** Absent lists are empty: the service leaves them out. */
export function listAt(body: JsonObject, name: string): readonly unknown[] {
  const value = body[name] ?? [];
  if (!Array.isArray(value)) throw invalid(name);
  return value;
}

function readLog(body: JsonObject): LogIdentity {
  return { logId: textAt(body, "log_id"), epoch: integerAt(body, "epoch") };
}

function invalid(what: string): SequencerError {
  return new SequencerError({ code: "INVALID_RESPONSE", message: `the answer is not what was expected: ${what}` });
}
