/** What the tables beside the entries must say, in one snapshot, after every entry of that snapshot went through the order. */
import { migrationsPath } from "../base/asset-paths.js";
import { parseUuid } from "../base/ids.js";
import type { Connection } from "../store/sqlite/connection.js";
import { schemaDifferences } from "../store/sqlite/expected-schema.js";
import type { Finding } from "./audit-fault.js";
import { checkCommitments } from "./check-commitments.js";
import type { OrderCheck } from "./order-check.js";

export function checkTables(db: Connection, order: OrderCheck): Finding[] {
  const rows = [
    ...checkSchema(db),
    ...checkLogRow(db),
    ...checkStreams(db, order),
    ...checkEntities(db, order),
    ...checkCommands(db, order),
  ];
  return [...rows, ...checkCommitments(db)].map((message) => ({ offset: null, message }));
}

/** SQLite's own check of pages, indexes and constraints; the first problem only. */
export function checkIntegrity(db: Connection): string | null {
  const [first] = db.pragma("integrity_check(1)") as { integrity_check: string }[];
  return first?.integrity_check === "ok" ? null : `SQLite: ${first?.integrity_check ?? "integrity_check said nothing"}`;
}

function checkLogRow(db: Connection): string[] {
  const rows = db.prepare("SELECT log_id, epoch FROM log").all() as { log_id: string; epoch: number }[];
  const row = rows[0];
  if (rows.length !== 1 || row === undefined) return [`the log has ${rows.length} identities`];
  return parseUuid(row.log_id) === row.log_id ? [] : [`the log's id ${row.log_id} is no UUID`];
}

/** The guards of the log are triggers; and a column under another name is a service that does not start. */
function checkSchema(db: Connection): string[] {
  const names = schemaDifferences(db, migrationsPath("sqlite"));
  return names.map((name) => `${name} is not what the migrations make it`);
}

function* checkStreams(db: Connection, order: OrderCheck): Iterable<string> {
  let used = 0;
  for (const [ref, head] of db.prepare("SELECT ref, ves_head FROM streams").raw().iterate() as Rows) {
    const counted = order.headOf(ref);
    if (counted > 0) used += 1;
    if (head !== counted) yield `stream ${ref} says its head is ${head}, its entries end at ${counted}`;
  }
  if (used !== order.streams) yield `${order.streams} streams have entries, ${used} are stored`;
}

function* checkEntities(db: Connection, order: OrderCheck): Iterable<string> {
  let used = 0;
  for (const [ref, version] of db.prepare("SELECT ref, version FROM entities").raw().iterate() as Rows) {
    const counted = order.versionOf(ref);
    if (counted > 0) used += 1;
    if (version !== counted) yield `entity ${ref} says its version is ${version}, it has ${counted} events`;
  }
  if (used !== order.entities) yield `${order.entities} entities have entries, ${used} are stored`;
}

/** Each entry's own command was found: as many rows as entries with one means that there is no other. */
function* checkCommands(db: Connection, order: OrderCheck): Iterable<string> {
  const stored = db.prepare("SELECT count(*) FROM commands").pluck().get() as number;
  if (stored !== order.commands) yield `${stored} command ids are stored, ${order.commands} entries have one`;
}

type Rows = IterableIterator<readonly [ref: number, count: number]>;
