/** The walk that the audits of both kinds of commitments share: stream by stream, each chain and where it says it ends. */
import type { Commitment, CommitmentSeries } from "../store/commitment-contract.js";
import { chainOf, SERIES_TABLES } from "../store/sqlite/commitment-rows.js";
import type { Connection } from "../store/sqlite/connection.js";
import { hasTable } from "../store/sqlite/schema-questions.js";

/** Judges one stream's chain, from number 1 on: names its first bad commitment, or null. Takes no more after that. */
export type ChainJudge = (commitments: Iterable<Commitment>) => string | null;

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
  const lastEnd = db
    .prepare(`SELECT sequence_end FROM ${table} WHERE stream_ref = ? ORDER BY sequence_start DESC LIMIT 1`)
    .pluck();
  for (const [ref, committed] of streams.all() as [ref: number, committed: number][]) {
    const fault = judge(chainOf(db, series, ref));
    if (fault !== null) yield fault;
    const end = (lastEnd.get(ref) as number | undefined) ?? 0;
    if (end !== committed) yield `stream ${ref} says it is committed to ${committed}, its ${name}s end at ${end}`;
  }
}
