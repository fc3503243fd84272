/** The lane's reads and writes of commitments, inside the chunk's transaction. */
import { uuidToBytes } from "../../base/ids.js";
import { chainKey, commitmentKey } from "../chunk-key.js";
import type { CommitmentSeries } from "../commitment-contract.js";
import type { ChunkQuery, ChunkState, NewCommitment } from "../contract.js";
import { type CommitmentRow, commitmentFromRow, commitmentsOfStream, SERIES_TABLES } from "./commitment-rows.js";
import type { Connection } from "./connection.js";

export class LaneCommitments {
  readonly #sql;

  constructor(db: Connection) {
    this.#sql = { ves: prepare(db, "ves"), legacy: prepare(db, "legacy") };
  }

  read(query: ChunkQuery, state: ChunkState): void {
    for (const { series, tenantId, storeId, sequenceStart } of query.commitmentStarts) {
      const sql = this.#sql[series];
      const stream = [uuidToBytes(tenantId), uuidToBytes(storeId)];
      const last = sql.last.get(...stream) as CommitmentRow | undefined;
      if (last === undefined) continue;
      state.lastCommitments.set(chainKey(series, tenantId, storeId), commitmentFromRow(last));
      const same = sql.byStart.get(...stream, sequenceStart) as CommitmentRow | undefined;
      if (same === undefined) continue;
      state.commitments.set(commitmentKey(series, tenantId, storeId, sequenceStart), commitmentFromRow(same));
    }
  }

  /** The database's own triggers refuse what does not follow the stream's last commitment. */
  write({ series, commitment }: NewCommitment, streamRef: number): void {
    this.#sql[series].insert.run(
      uuidToBytes(commitment.batchId),
      streamRef,
      commitment.sequenceStart,
      commitment.sequenceEnd,
      commitment.merkleRoot,
      commitment.prevStateRoot,
      commitment.newStateRoot,
      commitment.committedAtMs,
    );
  }
}

function prepare(db: Connection, series: CommitmentSeries) {
  const fromStream = commitmentsOfStream(series);
  return {
    last: db.prepare(`${fromStream} ORDER BY c.sequence_start DESC LIMIT 1`),
    byStart: db.prepare(`${fromStream} AND c.sequence_start = ?`),
    insert: db.prepare(
      `INSERT INTO ${SERIES_TABLES[series].commitments} (batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root,
         new_state_root, committed_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
  };
}
