/** The lane's reads and writes of commitments, inside the chunk's transaction. */
import { uuidToBytes } from "../../base/ids.js";
import { commitmentKey, streamKey } from "../chunk-key.js";
import type { ChunkQuery, ChunkState, NewCommitment } from "../contract.js";
import { COMMITMENT_COLUMNS, type CommitmentRow, commitmentFromRow } from "./commitment-rows.js";
import type { Connection } from "./connection.js";

const FROM_STREAM = `SELECT ${COMMITMENT_COLUMNS} FROM streams s JOIN ves_commitments c ON c.stream_ref = s.ref
  WHERE s.tenant_id = ? AND s.store_id = ?`;

export class LaneCommitments {
  readonly #last;
  readonly #byStart;
  readonly #insert;

  constructor(db: Connection) {
    this.#last = db.prepare(`${FROM_STREAM} ORDER BY c.sequence_start DESC LIMIT 1`);
    this.#byStart = db.prepare(`${FROM_STREAM} AND c.sequence_start = ?`);
    this.#insert = db.prepare(
      `INSERT INTO ves_commitments (batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root,
         new_state_root, committed_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  read(query: ChunkQuery, state: ChunkState): void {
    for (const { tenantId, storeId, sequenceStart } of query.commitmentStarts) {
      const stream = [uuidToBytes(tenantId), uuidToBytes(storeId)];
      const last = this.#last.get(...stream) as CommitmentRow | undefined;
      if (last === undefined) continue;
      state.lastCommitments.set(streamKey(tenantId, storeId), commitmentFromRow(last));
      const same = this.#byStart.get(...stream, sequenceStart) as CommitmentRow | undefined;
      if (same === undefined) continue;
      state.commitments.set(commitmentKey(tenantId, storeId, sequenceStart), commitmentFromRow(same));
    }
  }

  /** The database's own triggers refuse what does not follow the stream's last commitment. */
  write({ commitment }: NewCommitment, streamRef: number): void {
    this.#insert.run(
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
