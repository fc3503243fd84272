/**
 * Rows of the log in bulk. Integers come as rows; the bytes of many entries come as one value, because a Buffer per entry
 * costs as much as all hashing of it. Both statements read rows that never change, so they need no common snapshot.
 */
import { ENTRY_KINDS } from "../protocol/entry-kind.js";
import type { Connection } from "../store/sqlite/connection.js";
import { hasColumn } from "../store/sqlite/schema-questions.js";
import { AuditFault, expectFact } from "./audit-fault.js";
import { hasLegacyTables } from "./references.js";

/** `bytesLength`: of the entry's five byte columns together; null = one is missing. */
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
  bytesLength: number | null,
  entityTypeLength: number | null,
  entityIdLength: number | null,
];

/** Columns from the first on that must be integers. */
const INTEGERS = 8;

/** `own`: what only one kind of event has, its agent's signature or the hash of a legacy payload. `check`: of the frame. */
const columns = (
  own: string,
  check: string,
) => `e."offset", e.kind, e.stream_ref, e.sequence_number, e.entity_ref, e.event_type_ref,
  e.sequenced_at_ms, e.sequencer_ref, ${check}, n.stream_ref,
  octet_length(e.event_id) + octet_length(e.signing_hash) + octet_length(${own})
    + octet_length(e.receipt_signature) + octet_length(e.envelope),
  octet_length(n.entity_type), octet_length(n.entity_id)`;

const bytesOf = (own: string) =>
  `e.event_id || e.signing_hash || ${own} || e.receipt_signature || e.envelope || n.entity_type || n.entity_id`;

const ROWS = `FROM entries e LEFT JOIN entities n ON n.ref = e.entity_ref
  WHERE e."offset" >= ? AND e."offset" < ? ORDER BY e."offset"`;

/** Places behind the start of an entry, which is its event id. */
export const SIGNING_HASH_AT = 16;
export const AGENT_SIGNATURE_AT = SIGNING_HASH_AT + 32;
export const RECEIPT_SIGNATURE_AT = AGENT_SIGNATURE_AT + 64;
/** It stands before the envelope, of either kind of event. */
export const RECEIPT_SIGNATURE_BYTES = 64;
const ENVELOPE_AT = RECEIPT_SIGNATURE_AT + RECEIPT_SIGNATURE_BYTES;

/** The same of a legacy event. */
export const PAYLOAD_HASH_AT = AGENT_SIGNATURE_AT;
export const LEGACY_RECEIPT_SIGNATURE_AT = PAYLOAD_HASH_AT + 32;
const LEGACY_ENVELOPE_AT = LEGACY_RECEIPT_SIGNATURE_AT + RECEIPT_SIGNATURE_BYTES;

/** Entries asked for at once. */
const SLICE_ENTRIES_MAX = 128;

/** Bytes asked for at once, unless one entry has more. */
const SLICE_BYTES_MAX = 1 << 20;

/** An entry's row and where its parts stand in `bytes`, one behind the other. */
export interface Entry {
  readonly row: EntryRow;
  readonly bytes: Buffer;
  /** Of its event id. */
  readonly start: number;
  readonly envelope: number;
  readonly envelopeEnd: number;
  readonly entityType: number;
  readonly entityId: number;
  readonly end: number;
}

export class EntryRows {
  readonly #rows;
  readonly #bytes;

  constructor(db: Connection) {
    const own = hasLegacyTables(db) ? "coalesce(e.agent_signature, e.payload_hash)" : "e.agent_signature";
    // A log from before there were checksums.
    const check = hasColumn(db, "entries", "frame_crc32") ? "e.frame_crc32" : "NULL";
    this.#rows = db.prepare(`SELECT ${columns(own, check)} ${ROWS}`).raw();
    // group_concat takes them in the order of the subquery: SQLite keeps it for aggregates that depend on it.
    this.#bytes = db
      .prepare(`SELECT CAST(group_concat(b, '') AS BLOB) FROM (SELECT ${bytesOf(own)} AS b ${ROWS})`)
      .pluck();
  }

  /** Entries from offset `from` on, at least one unless there is none below `to`. Throws what SQLite throws. */
  read(from: number, to: number): Entry[] {
    const end = Math.min(to, from + SLICE_ENTRIES_MAX);
    try {
      return this.#read(from, end);
    } catch (error) {
      if (end === from + 1) throw error;
      // Something in there cannot be read: one entry, so that those before it are judged and the first such is named.
      return this.#read(from, from + 1);
    }
  }

  #read(from: number, to: number): Entry[] {
    const rows = fitting(this.#rows.all(from, to) as EntryRow[]);
    const last = rows.at(-1);
    if (last === undefined) return [];
    const bytes = (this.#bytes.get(from, last[0] + 1) ?? Buffer.alloc(0)) as Buffer;
    let start = 0;
    const entries = rows.map((row) => {
      const entry = entryAt(row, bytes, start);
      start = entry.end;
      return entry;
    });
    expectFact(start === bytes.length, "its bytes are not as many as their lengths say");
    return entries;
  }
}

/** The first rows, as many as the bound on bytes allows, at least one. */
function fitting(rows: EntryRow[]): EntryRow[] {
  let bytes = 0;
  const count = rows.findIndex((row, index) => {
    bytes += (row[10] ?? 0) + (row[11] ?? 0) + (row[12] ?? 0);
    return index > 0 && bytes > SLICE_BYTES_MAX;
  });
  return count < 0 ? rows : rows.slice(0, count);
}

function entryAt(row: EntryRow, bytes: Buffer, start: number): Entry {
  for (let column = 0; column < INTEGERS; column++)
    if (!Number.isSafeInteger(row[column])) throw new AuditFault("a column of it holds no integer");
  const [, kind, streamRef, , , , , , , entityStreamRef, length, entityTypeLength, entityIdLength] = row;
  const envelopeAt = ENTRY_KINDS[kind] === "event" ? LEGACY_ENVELOPE_AT : ENVELOPE_AT;
  const hasEntity = entityStreamRef === streamRef && entityTypeLength !== null && entityIdLength !== null;
  if (!hasEntity) throw new AuditFault("its entity is not stored, or belongs to another stream");
  if (length === null || length < envelopeAt) throw new AuditFault("a column of it is missing or too short");
  const envelopeEnd = start + length;
  const entityId = envelopeEnd + entityTypeLength;
  const places = { envelope: start + envelopeAt, envelopeEnd, entityType: envelopeEnd, entityId };
  return { row, bytes, start, ...places, end: entityId + entityIdLength };
}
