/** What the tables beside the entries must say, in one snapshot, after every entry of that snapshot went through the order. */
import { parseUuid } from "../base/ids.js";
import type { Connection } from "../store/sqlite/connection.js";
import type { Finding } from "./audit-fault.js";
import { checkCommitments } from "./check-commitments.js";
import type { OrderCheck } from "./order-check.js";

const GUARDS = ["entries_are_never_deleted", "entries_are_never_updated"];

export function checkTables(db: Connection, order: OrderCheck): Finding[] {
  const rows = [
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
  const guards = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'entries'").pluck();
  const names = guards.all() as string[];
  const missing = GUARDS.filter((name) => !names.includes(name)).map((name) => `the trigger ${name} is missing`);
  if (rows.length !== 1 || row === undefined) return [`the log has ${rows.length} identities`, ...missing];
  return parseUuid(row.log_id) === row.log_id ? missing : [`the log's id ${row.log_id} is no UUID`, ...missing];
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
