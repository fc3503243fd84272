/** Reads of durable commitments on a read-only connection. Synchronous: it runs inside a reader thread. */
import { assert } from "../../base/assert.js";
import { type Uuid, uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import type {
  ChainState,
  Commitment,
  CommitmentQuery,
  CommitmentSeries,
  DuePage,
  DueStream,
  OldBound,
  OldPage,
  UncommittedPage,
} from "../commitment-contract.js";
import {
  COMMITMENT_COLUMNS,
  type CommitmentRow,
  commitmentFromRow,
  commitmentsOfStream,
  SERIES_TABLES,
} from "./commitment-rows.js";
import type { Connection } from "./connection.js";
import { countEntries } from "./log-identity.js";
import { PlaceFinder } from "./place-finder.js";

/** What is told apart by its transaction has an index of its own: who asks for it does not have the whole chain read. */
const STATUS_CONDITIONS = {
  pending: "AND c.chain_tx_hash IS NULL",
  submitted: "AND c.chain_tx_hash IS NOT NULL AND c.anchored_at_ms IS NULL",
  anchored: "AND c.chain_tx_hash IS NOT NULL AND c.anchored_at_ms IS NOT NULL",
  all: "",
} as const;

/** Entries that one page of due streams looks at. */
const SCAN_ROWS_MAX = 4096;

/** So many streams cost less to ask than a page of entries to look at. */
const FEW_STREAMS = 64;

type WaitingRow = readonly [offset: number, sequencedAtMs: number, number: number, ref: number];

export class SqliteCommitmentReader {
  readonly #db: Connection;
  readonly #fromStream: string;
  readonly #kind: number;
  readonly #places: PlaceFinder;
  readonly #sql;

  constructor(db: Connection, series: CommitmentSeries = "ves", places = new PlaceFinder(db)) {
    const fromStream = commitmentsOfStream(series);
    const { commitments, head, committed, kind } = SERIES_TABLES[series];
    const uncommitted = series === "ves" ? "streams_uncommitted" : "streams_legacy_uncommitted";
    this.#db = db;
    this.#fromStream = fromStream;
    this.#kind = kind;
    this.#places = places;
    this.#sql = {
      byId: db.prepare(
        `SELECT ${COMMITMENT_COLUMNS} FROM ${commitments} c JOIN streams s ON s.ref = c.stream_ref WHERE c.batch_id = ?`,
      ),
      byStart: db.prepare(`${fromStream} AND c.sequence_start = ?`),
      // The last one that starts at or below the number: it covers it, or nothing does.
      lastFrom: db.prepare(`${fromStream} AND c.sequence_start <= ? ORDER BY c.sequence_start DESC LIMIT 1`),
      head: db.prepare(`SELECT ${head} FROM streams WHERE tenant_id = ? AND store_id = ?`).pluck(),
      uncommitted: db.prepare(
        `SELECT s.ref, s.tenant_id, s.store_id, s.${head} AS head, s.${committed} AS committed
           FROM streams s INDEXED BY ${uncommitted} WHERE s.${head} > s.${committed} AND s.ref > ? ORDER BY s.ref LIMIT ?`,
      ),
      full: db.prepare(
        `SELECT s.ref, s.tenant_id, s.store_id, n.last - $events + 1 AS committed_below
           FROM (SELECT stream_ref, max(sequence_number) AS last FROM entries
                  WHERE "offset" >= $from AND "offset" < $to AND kind = ${kind} GROUP BY stream_ref) n
           JOIN streams s ON s.ref = n.stream_ref WHERE n.last - s.${committed} >= $events`,
      ),
      waiting: db
        .prepare(
          `SELECT e."offset", e.sequenced_at_ms, e.sequence_number, s.ref FROM entries e JOIN streams s ON s.ref = e.stream_ref
            WHERE e."offset" >= ? AND e."offset" < ? AND e.kind = ${kind} AND e.sequence_number > s.${committed}
            ORDER BY e."offset"`,
        )
        .raw(),
      stream: db.prepare("SELECT ref, tenant_id, store_id FROM streams WHERE ref = ?"),
    };
  }

  commitment(batchId: Uuid): Commitment | null {
    return found(this.#sql.byId.get(uuidToBytes(batchId)));
  }

  coveringCommitment(tenantId: Uuid, storeId: Uuid, sequenceNumber: number): Commitment | null {
    const last = found(this.#sql.lastFrom.get(uuidToBytes(tenantId), uuidToBytes(storeId), sequenceNumber));
    return last !== null && last.sequenceEnd >= sequenceNumber ? last : null;
  }

  commitments(query: CommitmentQuery): Commitment[] {
    const { tenantId, storeId, fromSequence, toSequence, status, limit } = query;
    const sql = `${this.#fromStream} AND c.sequence_start >= ? AND c.sequence_start <= ? ${STATUS_CONDITIONS[status]}
      ORDER BY c.sequence_start LIMIT ?`;
    const fromStart = this.coveringCommitment(tenantId, storeId, fromSequence)?.sequenceStart ?? fromSequence;
    const stream = [uuidToBytes(tenantId), uuidToBytes(storeId)];
    const rows = this.#db.prepare(sql).all(...stream, fromStart, toSequence, limit);
    return (rows as CommitmentRow[]).map(commitmentFromRow);
  }

  chainState(tenantId: Uuid, storeId: Uuid, sequenceStart: number): ChainState {
    const stream = [uuidToBytes(tenantId), uuidToBytes(storeId)];
    // One snapshot for the three reads, so that they agree.
    return this.#db.transaction(() => ({
      head: (this.#sql.head.get(...stream) as number | undefined) ?? 0,
      last: found(this.#sql.lastFrom.get(...stream, Number.MAX_SAFE_INTEGER)),
      sameStart: found(this.#sql.byStart.get(...stream, sequenceStart)),
    }))();
  }

  uncommittedStreams(afterRef: number, limit: number): UncommittedPage {
    return this.#db.transaction(() => {
      const headOffset = countEntries(this.#db);
      const rows = this.#sql.uncommitted.all(afterRef, limit) as UncommittedRow[];
      const streams = rows.map((row) => ({
        ...nameOf(row),
        head: row.head,
        committed: row.committed,
        waitingFromOffset: this.#offsetOf(row.ref, row.committed + 1),
      }));
      return { streams, headOffset };
    })();
  }

  fullStreams(fromOffset: number, events: number): DuePage {
    return this.#scan(fromOffset, (from, to) => {
      const rows = this.#sql.full.all({ events, from, to }) as (StreamRow & { committed_below: number })[];
      return { streams: rows.map((row) => ({ ...nameOf(row), committedBelow: row.committed_below })), nextOffset: to };
    });
  }

  oldStreams(fromOffset: number, { untilMs, untilOffset }: OldBound): OldPage {
    return this.#scan(fromOffset, (from, to) => {
      const numbers = new Map<number, number>();
      let nextOffset = to;
      let waitingSinceMs: number | null = null;
      for (const [offset, sequencedAtMs, number, ref] of this.#sql.waiting.iterate(from, to) as Iterable<WaitingRow>) {
        if (sequencedAtMs <= untilMs || offset < untilOffset) numbers.set(ref, number);
        else {
          nextOffset = offset;
          waitingSinceMs = sequencedAtMs;
          break;
        }
      }
      const streams = Array.from(numbers, ([ref, committedBelow]): DueStream => {
        return { ...nameOf(this.#sql.stream.get(ref) as StreamRow), committedBelow };
      });
      return { streams, nextOffset, waitingSinceMs };
    });
  }

  /** Looks at some entries; at none before the first that waits, where few streams do. */
  #scan<T extends Omit<DuePage, "headOffset">>(
    fromOffset: number,
    look: (from: number, to: number) => T,
  ): T & { readonly headOffset: number } {
    return this.#db.transaction(() => {
      const headOffset = countEntries(this.#db);
      const from = Math.max(Math.min(fromOffset, headOffset), this.#waitingFrom(headOffset));
      return { ...look(from, Math.min(from + SCAN_ROWS_MAX, headOffset)), headOffset };
    })();
  }

  /** Nothing below this offset waits; found where few streams do, else 0. */
  #waitingFrom(headOffset: number): number {
    const rows = this.#sql.uncommitted.all(0, FEW_STREAMS + 1) as UncommittedRow[];
    if (rows.length > FEW_STREAMS) return 0;
    return Math.min(headOffset, ...rows.map((row) => this.#offsetOf(row.ref, row.committed + 1)));
  }

  #offsetOf(streamRef: number, sequenceNumber: number): number {
    const offset = this.#places.offsetOfNumber(streamRef, this.#kind, sequenceNumber);
    assert(offset !== undefined, `stream ${streamRef} has no event ${sequenceNumber}, which is below its head`);
    return offset;
  }
}

interface StreamRow {
  readonly ref: number;
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
}

interface UncommittedRow extends StreamRow {
  readonly head: number;
  readonly committed: number;
}

function nameOf({ ref, tenant_id, store_id }: StreamRow) {
  return { ref, tenantId: uuidFromBytes(tenant_id), storeId: uuidFromBytes(store_id) };
}

function found(row: unknown): Commitment | null {
  return row === undefined ? null : commitmentFromRow(row as CommitmentRow);
}
