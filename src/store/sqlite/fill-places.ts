/**
 * Fills the tables of places (migration 0008) of a log whose entries were found by unique indexes of its own. Those have the
 * tables' order: each page is written once, and what is done ends at a table's last row. So it goes in slices, each a
 * transaction: a start that is cut short goes on behind its last slice. Until both tables are whole nothing reads them, and
 * an older version may go on with the log: they are begun anew then.
 */
import { crashPoint } from "../../base/crash-point.js";
import type { Connection } from "./connection.js";

/** How far it is: so many rows of the table. */
export interface FilledSlice {
  readonly table: string;
  readonly rows: number;
}

const TABLES = [
  {
    table: "places_by_id",
    last: "SELECT event_id FROM places_by_id ORDER BY event_id DESC LIMIT 1",
    first: [Buffer.of(0)],
    slice: `INSERT INTO places_by_id SELECT event_id, "offset" FROM entries INDEXED BY entries_by_event_id
              WHERE event_id > ? ORDER BY event_id LIMIT ?`,
  },
  {
    table: "places_by_number",
    last: `SELECT stream_ref, kind, sequence_number FROM places_by_number
            ORDER BY stream_ref DESC, kind DESC, sequence_number DESC LIMIT 1`,
    first: [0, 0, 0],
    slice: `INSERT INTO places_by_number
              SELECT stream_ref, kind, sequence_number, "offset" FROM entries INDEXED BY entries_by_sequence
               WHERE (stream_ref, kind, sequence_number) > (?, ?, ?) ORDER BY stream_ref, kind, sequence_number LIMIT ?`,
  },
] as const;

/**
 * Yields after each slice of at most `sliceRows`; it is durable then, and moved out of the write-ahead log. Throws where
 * the log's indexes do not lead to each of its `entries`.
 */
export function* fillPlaces(db: Connection, entries: number, sliceRows: number): Generator<FilledSlice> {
  if (yield* fillBoth(db, entries, sliceRows)) return;
  db.transaction(() => {
    for (const { table } of TABLES) db.exec(`DELETE FROM ${table}`);
  }).immediate();
  if (yield* fillBoth(db, entries, sliceRows)) return;
  throw new Error(`the log's indexes do not lead to each of its ${entries} entries: verify-log tells more`);
}

/** False = the tables are not of this log's entries. */
function* fillBoth(db: Connection, entries: number, sliceRows: number): Generator<FilledSlice, boolean> {
  let isWhole = true;
  for (const each of TABLES) isWhole &&= (yield* fill(db, each, entries, sliceRows)) === entries;
  return isWhole;
}

/** Returns the rows it has then: rows are of entries, so with as many of them as there are entries it is whole. */
function* fill(
  db: Connection,
  { table, last, first, slice }: (typeof TABLES)[number],
  entries: number,
  sliceRows: number,
): Generator<FilledSlice, number> {
  const sql = { last: db.prepare(last).raw(), slice: db.prepare(slice) };
  const add = db.transaction(() => {
    const { changes } = sql.slice.run(...((sql.last.get() as unknown[] | undefined) ?? first), sliceRows);
    crashPoint("upgrade.slice-written");
    return changes;
  });
  let rows = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  while (rows < entries) {
    const added = add.immediate();
    crashPoint("upgrade.slice-committed");
    if (added === 0) break;
    rows += added;
    // Nobody else writes: the next slice begins the write-ahead log anew.
    db.pragma("wal_checkpoint(PASSIVE)");
    yield { table, rows };
  }
  return rows;
}
