/**
 * Reads of durable rows on a read-only connection. Synchronous: it runs inside a reader thread (`workers/read.ts`).
 * Bounds: a page scans at most `SCAN_ROWS_MAX` rows and stops at `bytesMax` frame bytes, so no read holds a snapshot for
 * long and no reply is larger than a page.
 */
import { AssertionError, assert } from "../../base/assert.js";
import { type Uuid, uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import { ENTRY_KINDS, type EntryKind } from "../../protocol/entry-kind.js";
import { receiptHashOfIds } from "../../protocol/receipt.js";
import type {
  AgentKey,
  AgentKeyRange,
  AgentKeyRef,
  ApiKey,
  ApiKeyRange,
  EntityName,
  EntryFilter,
  HistoryPage,
  KeyPage,
  LegacyRange,
  LogEntry,
  LogHead,
  ReceiptSigner,
  StreamPage,
  StreamRange,
} from "../contract.js";
import { compileFilter, matchAll } from "../entry-filter.js";
import { entryBytesMax, type FrameFacts, frameCheck, writeEntry } from "../entry-frame.js";
import { type FramePage, FramePageWriter } from "../frame-page.js";
import type { Connection } from "./connection.js";
import { ENVELOPE_IN_ROW_BYTES_MAX, type FrameRow, PACKED_ROW, type PackedRow, unpackRow } from "./frame-row.js";
import { KeyReader } from "./key-reader.js";
import { LegacyPositions } from "./legacy-positions.js";
import { readCheckedFrom, readLogHead } from "./log-identity.js";
import { PlaceFinder } from "./place-finder.js";
import { ENTRIES_AT } from "./place-rows.js";
import { StoredSequencers } from "./stored-sequencers.js";

/** Rows one page may look at when a filter matches few of them. */
const SCAN_ROWS_MAX = 4096;

/**
 * Rows of a page that are fetched at once, each group in a read of its own: some 7 µs to begin one, against 0.25 µs a row for
 * stepping from row to row. What was fetched beyond the page's end is fetched again for the next.
 */
const GROUP_ROWS_MAX = 128;

/**
 * What a frame is made of. As text: each blob would be a buffer of its own, outside the heap, and collecting those costs as
 * much again as reading the row. The entity is in the envelope too: its row is read only where a filter or a caller asks.
 */
const FRAME_COLUMNS = `e."offset", e.stream_ref, e.sequence_number, e.sequenced_at_ms, e.sequencer_ref, e.frame_crc32, e.kind,
  hex(e.event_id || e.signing_hash || e.receipt_signature), CAST(e.envelope AS TEXT), length(e.envelope)`;
const ENTRY_COLUMNS = `${FRAME_COLUMNS}, n.entity_type, n.entity_id, e.event_type_ref`;
const SELECT_ENTRIES = `SELECT ${ENTRY_COLUMNS} FROM entries e JOIN entities n ON n.ref = e.entity_ref`;
const SELECT_PLACES = `SELECT ${ENTRY_COLUMNS} FROM ${ENTRIES_AT}
  JOIN entities n ON n.ref = e.entity_ref`;

/** Rows of a stream that are asked for at once, where it is not known how many of them will be wanted. */
const STREAM_ROWS = 256;

type EntryRow = Required<FrameRow>;

const VES = ENTRY_KINDS.indexOf("ves_event");
const LEGACY = ENTRY_KINDS.indexOf("event");

/** Where event id, signing hash and receipt signature end. The schema checks their lengths. */
const EVENT_ID_END = 16;
const SIGNING_HASH_END = EVENT_ID_END + 32;
const RECEIPT_SIGNATURE_END = SIGNING_HASH_END + 64;

interface StreamHeads {
  readonly ref: number;
  readonly ves_head: number;
  readonly legacy_head: number;
}

interface Stream {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** The same, 16 bytes each. */
  readonly tenantBytes: Uint8Array;
  readonly storeBytes: Uint8Array;
}

export class SqliteLogReader {
  readonly #db: Connection;
  readonly #bytesMax: number;
  readonly #page = new FramePageWriter();
  readonly #idAndHashes = Buffer.alloc(RECEIPT_SIGNATURE_END);
  readonly #eventId = this.#idAndHashes.subarray(0, EVENT_ID_END);
  readonly #signingHash = this.#idAndHashes.subarray(EVENT_ID_END, SIGNING_HASH_END);
  readonly #receiptSignature = this.#idAndHashes.subarray(SIGNING_HASH_END);
  readonly #streams = new Map<number, Stream>();
  readonly #sequencers: StoredSequencers;
  readonly #places: PlaceFinder;
  readonly #legacyPositions: LegacyPositions;
  /** Looked up with the first entry that has no checksum. */
  #checkedFrom: number | null = null;
  /** Several statements that see the same log: none of them begins a read of its own, which also costs less. */
  readonly #inOneSnapshot: <T>(read: () => T) => T;
  readonly #keys: KeyReader;
  readonly #sql;

  constructor(db: Connection, bytesMax: number, places = new PlaceFinder(db)) {
    this.#db = db;
    this.#places = places;
    this.#legacyPositions = new LegacyPositions(db);
    this.#keys = new KeyReader(db);
    this.#sequencers = new StoredSequencers(db);
    this.#bytesMax = bytesMax;
    this.#inOneSnapshot = db.transaction((read) => read()) as <T>(read: () => T) => T;
    this.#sql = {
      scan: db.prepare(`SELECT ${PACKED_ROW} FROM entries e WHERE e."offset" >= ? ORDER BY e."offset" LIMIT ?`).pluck(),
      scanWithEntities: db
        .prepare(
          `SELECT ${PACKED_ROW}, n.entity_type, n.entity_id FROM entries e JOIN entities n ON n.ref = e.entity_ref
           WHERE e."offset" >= ? ORDER BY e."offset" LIMIT ?`,
        )
        .raw(),
      envelope: db.prepare(`SELECT CAST(envelope AS TEXT) FROM entries WHERE "offset" = ?`).pluck(),
      byEvent: db.prepare(`${SELECT_ENTRIES} WHERE e."offset" = ? AND e.event_id = ? AND e.kind = 0`).raw(),
      stream: db.prepare("SELECT tenant_id, store_id FROM streams WHERE ref = ?"),
      places: db.prepare(`${SELECT_PLACES} WHERE e.stream_ref = ?`).raw(),
      entityScan: db
        .prepare(
          `${SELECT_ENTRIES} WHERE e.entity_ref = ? AND e.kind = ? AND e."offset" >= ? ORDER BY e."offset" LIMIT ?`,
        )
        .raw(),
      eventTypeRef: db.prepare("SELECT ref FROM event_types WHERE event_type = ?").pluck(),
      streamRef: db.prepare("SELECT ref, ves_head, legacy_head FROM streams WHERE tenant_id = ? AND store_id = ?"),
      entityRef: db
        .prepare("SELECT ref FROM entities WHERE stream_ref = ? AND entity_type = ? AND entity_id = ?")
        .pluck(),
    };
  }

  head(): LogHead {
    return readLogHead(this.#db);
  }

  formerSequencers(current: ReceiptSigner): readonly ReceiptSigner[] {
    return this.#sequencers.others(current);
  }

  /** `spare`: a buffer to write it into, that nobody else looks at. */
  page(fromOffset: number, filter: EntryFilter, entriesMax: number, spare?: ArrayBuffer): FramePage {
    const matches = compileFilter(filter);
    const page = this.#page;
    page.begin(spare);
    let nextOffset = fromOffset;
    // Unfiltered pages need no more rows than entries.
    const rowsMax = matches === matchAll ? Math.min(entriesMax, SCAN_ROWS_MAX) : SCAN_ROWS_MAX;
    const namesEntity = filter.entityType !== undefined || filter.entityId !== undefined;
    const scan = namesEntity ? this.#sql.scanWithEntities : this.#sql.scan;
    const isFull = (): boolean => page.count === entriesMax || page.bytes >= this.#bytesMax;
    for (let looked = 0; looked < rowsMax && !isFull(); ) {
      const groupMax = Math.min(this.#rowsToFill(looked), rowsMax - looked);
      const group = scan.all(nextOffset, groupMax) as PackedRow[];
      for (const fetched of group) {
        if (isFull()) break;
        const [packed, entityType, entityId] = typeof fetched === "string" ? [fetched, "", ""] : fetched;
        const row = unpackRow(packed);
        nextOffset = row[0] + 1;
        const stream = this.#stream(row[1]);
        if (!matches(stream, entityType, entityId, ENTRY_KINDS[row[6]]!)) continue;
        const room = page.room(entryBytesMax(row[9]));
        page.add(row[0], this.#write(this.#withEnvelope(row), stream, room.page, room.at));
      }
      if (group.length < groupMax) break;
      looked += groupMax;
    }
    return page.finish(nextOffset);
  }

  /** How many rows more the page probably takes, after what those that were looked at took. */
  #rowsToFill(looked: number): number {
    const { bytes } = this.#page;
    if (looked === 0 || bytes === 0) return GROUP_ROWS_MAX;
    return Math.min(Math.ceil(((this.#bytesMax - bytes) * looked) / bytes), GROUP_ROWS_MAX);
  }

  #withEnvelope(row: FrameRow): FrameRow {
    if (row[9] <= ENVELOPE_IN_ROW_BYTES_MAX) return row;
    const envelope = this.#sql.envelope.get(row[0]) as string;
    return [row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], envelope, row[9]];
  }

  /** Rows that do not match count as well: a rare type in a long stream takes several pages, not one long read. */
  streamPage(range: StreamRange): StreamPage {
    return this.#inOneSnapshot(() => this.#readStreamPage(range));
  }

  #readStreamPage(range: StreamRange): StreamPage {
    const { fromSequence, limit, entityType, entityId, eventType } = range;
    const stream = this.#streamRow(range.tenantId, range.storeId);
    const eventTypeRef = eventType === undefined ? null : this.#sql.eventTypeRef.get(eventType);
    const entries: LogEntry[] = [];
    const headSequence = stream?.ves_head ?? 0;
    let nextSequence = Math.max(fromSequence, headSequence + 1);
    if (stream === undefined || eventTypeRef === undefined) return { entries, nextSequence, headSequence };
    let looked = 0;
    let bytes = 0;
    for (const row of this.#scanStream(stream, range)) {
      const isWanted =
        (entityType === undefined || row[10] === entityType) &&
        (entityId === undefined || row[11] === entityId) &&
        (eventTypeRef === null || row[12] === eventTypeRef);
      if (isWanted) {
        const entry = this.#entry(row, this.#stream(row[1]));
        entries.push(entry);
        bytes += entry.frame.length;
      }
      if (entries.length < limit && bytes < this.#bytesMax && ++looked < SCAN_ROWS_MAX) continue;
      nextSequence = row[2] + 1;
      break;
    }
    return { entries, nextSequence, headSequence };
  }

  /** VES events from a number on, of one entity where that is named: an entity's own index knows offsets, whose order is the same. */
  #scanStream(stream: StreamHeads, { fromSequence, entityType, entityId, ...name }: StreamRange): Iterable<EntryRow> {
    if (entityType === undefined || entityId === undefined) {
      return this.#numbered(stream.ref, VES, fromSequence, Number.MAX_SAFE_INTEGER);
    }
    const entityRef = this.#entityRef({ ...name, entityType, entityId });
    const range = { streamRef: stream.ref, kind: VES, from: fromSequence, to: Number.MAX_SAFE_INTEGER, limit: 1 };
    const [fromOffset] = this.#places.offsets(range);
    if (entityRef === undefined || fromOffset === undefined) return [];
    return this.#scanEntity(entityRef, VES, fromOffset, SCAN_ROWS_MAX);
  }

  #scanEntity(entityRef: number, kind: number, fromOffset: number, limit: number): Iterable<EntryRow> {
    return this.#sql.entityScan.iterate(entityRef, kind, fromOffset, limit) as Iterable<EntryRow>;
  }

  /** Entries of a stream by their numbers, both ends inclusive. */
  *#numbered(streamRef: number, kind: number, from: number, to: number): Generator<EntryRow> {
    for (let next = Math.max(from, 1); ; ) {
      const offsets = this.#places.offsets({ streamRef, kind, from: next, to, limit: STREAM_ROWS });
      const end = next + offsets.length;
      for (const row of this.#sql.places.iterate(JSON.stringify(offsets), streamRef) as Iterable<EntryRow>) {
        // A damaged place would leave an entry out, or send whoever pages by number back to where it was.
        assert(row[2] === next && row[6] === kind, `number ${next} of stream ${streamRef} leads to entry ${row[0]}`);
        next += 1;
        yield row;
      }
      assert(next === end, `number ${next} of stream ${streamRef} leads out of it`);
      if (offsets.length < STREAM_ROWS) return;
    }
  }

  streamHead(tenantId: Uuid, storeId: Uuid, kind: EntryKind = "ves_event"): number {
    const row = this.#streamRow(tenantId, storeId);
    return (kind === "event" ? row?.legacy_head : row?.ves_head) ?? 0;
  }

  legacyPage({ tenantId, storeId, fromSequence, toSequence }: LegacyRange): LogEntry[] {
    const stream = this.#streamRow(tenantId, storeId);
    if (stream === undefined) return [];
    return this.#entriesOf(this.#numbered(stream.ref, LEGACY, fromSequence, toSequence));
  }

  legacyHistory(entity: EntityName, skip: number, limit: number): HistoryPage {
    return this.#inOneSnapshot(() => {
      const ref = this.#entityRef(entity);
      if (ref === undefined) return { entries: [], total: 0 };
      const { offset, total } = this.#legacyPositions.find(ref, skip);
      if (offset === undefined) return { entries: [], total };
      return { entries: this.#entriesOf(this.#scanEntity(ref, LEGACY, offset, limit)), total };
    });
  }

  entryByEventId(eventId: Uuid): LogEntry | null {
    const id = uuidToBytes(eventId);
    const offset = this.#places.offsetOfEvent(id);
    const row = offset === undefined ? undefined : (this.#sql.byEvent.get(offset, id) as EntryRow | undefined);
    return row === undefined ? null : this.#entry(row, this.#stream(row[1]));
  }

  agentKey(ref: AgentKeyRef): AgentKey | null {
    return this.#keys.agentKey(ref);
  }

  agentKeys(range: AgentKeyRange): KeyPage<AgentKey> {
    return this.#keys.agentKeys(range);
  }

  apiKey(keyHash: string): ApiKey | null {
    return this.#keys.apiKey(keyHash);
  }

  apiKeyByPrefix(tenantId: Uuid | null, prefix: string): ApiKey | null {
    return this.#keys.apiKeyByPrefix(tenantId, prefix);
  }

  apiKeys(range: ApiKeyRange): KeyPage<ApiKey> {
    return this.#keys.apiKeys(range);
  }

  #streamRow(tenantId: Uuid, storeId: Uuid): StreamHeads | undefined {
    return this.#sql.streamRef.get(uuidToBytes(tenantId), uuidToBytes(storeId)) as StreamHeads | undefined;
  }

  #entityRef({ tenantId, storeId, entityType, entityId }: EntityName): number | undefined {
    const stream = this.#streamRow(tenantId, storeId);
    return stream && (this.#sql.entityRef.get(stream.ref, entityType, entityId) as number | undefined);
  }

  /** Up to the bound in bytes, at least one. */
  #entriesOf(rows: Iterable<EntryRow>): LogEntry[] {
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (bytes >= this.#bytesMax) break;
      const entry = this.#entry(row, this.#stream(row[1]));
      bytes += entry.frame.length;
      entries.push(entry);
    }
    return entries;
  }

  #entry(row: EntryRow, stream: Stream): LogEntry {
    const { kind, tenantId, storeId, sequenceNumber } = this.#facts(row, stream);
    const page = Buffer.allocUnsafe(entryBytesMax(row[9]));
    const frame = page.subarray(0, this.#write(row, stream, page, 0));
    return { kind, offset: row[0], tenantId, storeId, sequenceNumber, entityType: row[10], entityId: row[11], frame };
  }

  /** The readers' innermost loop: writes the frame at `at`, where there is room, and returns its end. */
  #write(row: FrameRow, stream: Stream, page: Buffer, at: number): number {
    const facts = this.#facts(row, stream);
    const { tenantBytes, storeBytes } = stream;
    const { eventId, sequenceNumber, signingHash, kind } = facts;
    const hash = receiptHashOfIds(tenantBytes, storeBytes, eventId, sequenceNumber, signingHash, kind);
    const end = writeEntry(page, at, row[0], facts, { text: row[8], bytes: row[9] }, hash);
    if (row[5] === null) {
      this.#checkedFrom ??= readCheckedFrom(this.#db);
      assert(row[0] < this.#checkedFrom, `entry ${row[0]} is damaged: its checksum is gone`);
    } else if (row[5] !== frameCheck(page.subarray(at, end))) {
      throw new AssertionError(`entry ${row[0]} is damaged: its checksum differs`);
    }
    return end;
  }

  /** Its bytes are views of one buffer: they are the next row's as soon as that is asked for. */
  #facts(row: FrameRow, stream: Stream): FrameFacts {
    const written = this.#idAndHashes.write(row[7], "hex");
    assert(
      written === RECEIPT_SIGNATURE_END,
      `entry ${row[0]} is damaged: an id, hash or signature has another length`,
    );
    return {
      kind: ENTRY_KINDS[row[6]]!,
      eventId: this.#eventId,
      tenantId: stream.tenantId,
      storeId: stream.storeId,
      sequenceNumber: row[2],
      sequencedAtMs: row[3],
      sequencer: this.#sequencers.byRef(row[4]),
      signingHash: this.#signingHash,
      receiptSignature: this.#receiptSignature,
    };
  }

  #stream(ref: number): Stream {
    const known = this.#streams.get(ref);
    if (known !== undefined) return known;
    const row = this.#sql.stream.get(ref) as { tenant_id: Buffer; store_id: Buffer } | undefined;
    assert(row !== undefined, `entry names stream ${ref}, which is not stored`);
    const { tenant_id: tenantBytes, store_id: storeBytes } = row;
    const stream = {
      ...{ tenantId: uuidFromBytes(tenantBytes), storeId: uuidFromBytes(storeBytes) },
      ...{ tenantBytes, storeBytes },
    };
    this.#streams.set(ref, stream);
    return stream;
  }
}
