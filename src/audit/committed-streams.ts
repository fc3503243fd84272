/** The walk that the audits of both kinds of commitments share: stream by stream, each chain and where it says it ends. */
import type { Commitment, CommitmentSeries } from "../store/commitment-contract.js";
import {
  COMMITMENT_COLUMNS,
  type CommitmentRow,
  commitmentFromRow,
  SERIES_TABLES,
} from "../store/sqlite/commitment-rows.js";
import type { Connection } from "../store/sqlite/connection.js";
import { hasTable } from "../store/sqlite/schema-questions.js";

/** Judges one stream's chain, from number 1 on: names its first bad commitment, or null. */
export type ChainJudge = (commitments: readonly Commitment[]) => string | null;

/**
 * What is wrong with each stream's chain. `name`: what a fault calls one commitment of the series. `openJudge` is called once,
 * and only where there is such a table.
 */
export function* checkChains(
  db: Connection,
  series: CommitmentSeries,
  name: string,
  openJudge: () => ChainJudge,
): Iterable<string> {
  const { commitments: table, committed: committedColumn } = SERIES_TABLES[series];
  // A backup may be older than the table.
  if (!hasTable(db, table)) return;
  const judge = openJudge();
  const streams = db.prepare(`SELECT ref, ${committedColumn} FROM streams ORDER BY ref`).raw();
  const chain = db.prepare(
    `SELECT ${COMMITMENT_COLUMNS} FROM streams s JOIN ${table} c ON c.stream_ref = s.ref
      WHERE s.ref = ? ORDER BY c.sequence_start`,
  );
  for (const [ref, committed] of streams.all() as [ref: number, committed: number][]) {
    const commitments = (chain.all(ref) as CommitmentRow[]).map(commitmentFromRow);
    const fault = judge(commitments);
    if (fault !== null) yield fault;
    const end = commitments.at(-1)?.sequenceEnd ?? 0;
    if (end !== committed) yield `stream ${ref} says it is committed to ${committed}, its ${name}s end at ${end}`;
  }
}
