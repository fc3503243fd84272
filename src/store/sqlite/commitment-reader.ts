/** Reads of durable commitments on a read-only connection. Synchronous: it runs inside a reader thread. */
import { assert } from "../../base/assert.js";
import { type Uuid, uuidFromBytes, uuidToBytes } from "../../base/ids.js";
import type {
  ChainState,
  Commitment,
  CommitmentQuery,
  CommitmentSeries,
  UncommittedStream,
} from "../commitment-contract.js";
import {
  COMMITMENT_COLUMNS,
  type CommitmentRow,
  commitmentFromRow,
  commitmentsOfStream,
  SERIES_TABLES,
} from "./commitment-rows.js";
import type { Connection } from "./connection.js";
import { PlaceFinder } from "./place-finder.js";

/** What is told apart by its transaction has an index of its own: who asks for it does not have the whole chain read. */
const STATUS_CONDITIONS = {
  pending: "AND c.chain_tx_hash IS NULL",
  submitted: "AND c.chain_tx_hash IS NOT NULL AND c.anchored_at_ms IS NULL",
  anchored: "AND c.chain_tx_hash IS NOT NULL AND c.anchored_at_ms IS NOT NULL",
  all: "",
} as const;

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
      sequencedAtMs: db.prepare(`SELECT sequenced_at_ms FROM entries WHERE "offset" = ?`).pluck(),
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

  uncommittedStreams(afterRef: number, limit: number): UncommittedStream[] {
    const rows = this.#sql.uncommitted.all(afterRef, limit) as UncommittedRow[];
    return rows.map((row) => ({
      ref: row.ref,
      tenantId: uuidFromBytes(row.tenant_id),
      storeId: uuidFromBytes(row.store_id),
      head: row.head,
      committed: row.committed,
      waitingSinceMs: this.#sequencedAtMs(row.ref, row.committed + 1),
    }));
  }

  #sequencedAtMs(streamRef: number, sequenceNumber: number): number {
    const offset = this.#places.offsetOfNumber(streamRef, this.#kind, sequenceNumber);
    const ms = offset === undefined ? undefined : (this.#sql.sequencedAtMs.get(offset) as number | undefined);
    assert(ms !== undefined, `stream ${streamRef} has no event ${sequenceNumber}, which is below its head`);
    return ms;
  }
}

interface UncommittedRow {
  readonly ref: number;
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
  readonly head: number;
  readonly committed: number;
}

function found(row: unknown): Commitment | null {
  return row === undefined ? null : commitmentFromRow(row as CommitmentRow);
}
