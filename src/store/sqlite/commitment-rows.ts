import { uuidFromBytes } from "../../base/ids.js";
import type { Commitment, CommitmentSeries } from "../commitment-contract.js";
import type { Connection } from "./connection.js";

/** Where each series keeps its commitments; of `streams`, its last number and the one it is committed to; its entries' `kind`. */
export const SERIES_TABLES = {
  ves: { commitments: "ves_commitments", head: "ves_head", committed: "ves_committed", kind: 0 },
  legacy: { commitments: "legacy_commitments", head: "legacy_head", committed: "legacy_committed", kind: 1 },
} as const;

/** A commitment's columns, `c` being its table and `s` its stream's. */
export const COMMITMENT_COLUMNS = `c.batch_id, s.tenant_id, s.store_id, c.sequence_start, c.sequence_end, c.merkle_root,
  c.prev_state_root, c.new_state_root, c.committed_at_ms, c.chain_id, c.chain_tx_hash, c.chain_block_number, c.anchored_at_ms`;

/** Commitments of the stream with the given tenant and store. */
export function commitmentsOfStream(series: CommitmentSeries): string {
  return `SELECT ${COMMITMENT_COLUMNS} FROM streams s JOIN ${SERIES_TABLES[series].commitments} c ON c.stream_ref = s.ref
    WHERE s.tenant_id = ? AND s.store_id = ?`;
}

export interface CommitmentRow {
  readonly batch_id: Buffer;
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
  readonly sequence_start: number;
  readonly sequence_end: number;
  readonly merkle_root: Buffer;
  readonly prev_state_root: Buffer;
  readonly new_state_root: Buffer;
  readonly committed_at_ms: number;
  readonly chain_id: number | null;
  readonly chain_tx_hash: Buffer | null;
  readonly chain_block_number: number | null;
  readonly anchored_at_ms: number | null;
}

export function commitmentFromRow(row: CommitmentRow): Commitment {
  return {
    batchId: uuidFromBytes(row.batch_id),
    tenantId: uuidFromBytes(row.tenant_id),
    storeId: uuidFromBytes(row.store_id),
    sequenceStart: row.sequence_start,
    sequenceEnd: row.sequence_end,
    merkleRoot: new Uint8Array(row.merkle_root),
    prevStateRoot: new Uint8Array(row.prev_state_root),
    newStateRoot: new Uint8Array(row.new_state_root),
    committedAtMs: row.committed_at_ms,
    anchor:
      row.chain_tx_hash === null
        ? null
        : {
            chainId: row.chain_id,
            txHash: new Uint8Array(row.chain_tx_hash),
            blockNumber: row.chain_block_number,
            anchoredAtMs: row.anchored_at_ms,
          },
  };
}

const PAGE_ROWS = 1024;

/** A stream's whole chain in order, read in pages: a chain may have a commitment for every event, and a tenant says how many. */
export function* chainOf(db: Connection, series: CommitmentSeries, streamRef: number): Generator<Commitment> {
  const page = db.prepare(
    `SELECT ${COMMITMENT_COLUMNS} FROM streams s JOIN ${SERIES_TABLES[series].commitments} c ON c.stream_ref = s.ref
      WHERE s.ref = ? AND c.sequence_start > ? ORDER BY c.sequence_start LIMIT ${PAGE_ROWS}`,
  );
  // Damaged rows may say anything: none is passed over.
  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const rows = page.all(streamRef, after) as CommitmentRow[];
    for (const row of rows) yield commitmentFromRow(row);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.sequence_start;
  }
}
