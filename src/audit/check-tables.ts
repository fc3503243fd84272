/** What the tables beside the entries must say, in one snapshot, after every entry of that snapshot went through the order. */
import { migrationsPath } from "../base/asset-paths.js";
import { parseUuid } from "../base/ids.js";
import { ENTRY_KINDS, type EntryKind } from "../protocol/entry-kind.js";
import type { Connection } from "../store/sqlite/connection.js";
import { schemaDifferences } from "../store/sqlite/expected-schema.js";
import { readCheckedFrom } from "../store/sqlite/log-identity.js";
import { migrationFaults } from "../store/sqlite/migrate.js";
import { hasTable } from "../store/sqlite/schema-questions.js";
import type { Finding } from "./audit-fault.js";
import { checkCommitments } from "./check-commitments.js";
import { checkLegacyCommitments } from "./check-legacy-commitments.js";
import { checkPlaces } from "./check-places.js";
import { checkProofs } from "./check-proofs.js";
import type { OrderCheck } from "./order-check.js";
import { hasLegacyTables } from "./references.js";

export function checkTables(db: Connection, order: OrderCheck): Finding[] {
  const rows = [
    ...checkSchema(db),
    ...checkLogRow(db, order),
    ...checkReferences(db),
    ...checkStreams(db, order),
    ...checkEntities(db, order),
    ...checkCommands(db, order),
  ];
  const places = checkPlaces(db, order);
  // Commitments find their entries by number: nothing can be said of them where numbers lead elsewhere.
  if (places.length === 0) rows.push(...checkCommitments(db), ...checkLegacyCommitments(db), ...checkProofs(db));
  return [...rows.map((message) => ({ offset: null, message })), ...places];
}

/** SQLite's own check of pages, indexes and constraints; the first problem only. */
export function checkIntegrity(db: Connection): string | null {
  const [first] = db.pragma("integrity_check(1)") as { integrity_check: string }[];
  return first?.integrity_check === "ok" ? null : `SQLite: ${first?.integrity_check ?? "integrity_check said nothing"}`;
}

/** Checksums are missed from `checked_from` on: beyond the last entry nobody would miss any. */
function checkLogRow(db: Connection, order: OrderCheck): string[] {
  const rows = db.prepare("SELECT log_id, epoch FROM log").all() as { log_id: string; epoch: number }[];
  const row = rows[0];
  if (rows.length !== 1 || row === undefined) return [`the log has ${rows.length} identities`];
  const checkedFrom = readCheckedFrom(db);
  if (Number.isFinite(checkedFrom) && checkedFrom > order.nextOffset)
    return [`the log says its checksums begin at offset ${checkedFrom}, it ends before ${order.nextOffset}`];
  return parseUuid(row.log_id) === row.log_id ? [] : [`the log's id ${row.log_id} is no UUID`];
}

/** Entries point at what their own check has read. */
function* checkReferences(db: Connection): Iterable<string> {
  for (const table of STREAM_TABLES) {
    if (!hasTable(db, table)) continue;
    const [row] = db.pragma(`foreign_key_check(${table})`) as { rowid: number; parent: string }[];
    if (row !== undefined) yield `row ${row.rowid} of ${table} points at a row of ${row.parent} that is not stored`;
  }
}

const STREAM_TABLES = [
  ...["entities", "ves_commitments", "legacy_commitments"],
  ...["ves_compliance_proofs", "ves_validity_proofs"],
];

/** The guards of the log are triggers; and a column or a migration under another name is a service that does not start. */
function checkSchema(db: Connection): string[] {
  const folder = migrationsPath("sqlite");
  const faults = migrationFaults(db, folder);
  if (faults.length > 0) return faults;
  return schemaDifferences(db, folder).map((name) => `${name} is not what the migrations make it`);
}

function* checkStreams(db: Connection, order: OrderCheck): Iterable<string> {
  const heads = hasLegacyTables(db) ? "ves_head, legacy_head" : "ves_head, 0";
  let used = 0;
  for (const [ref, ...stored] of db.prepare(`SELECT ref, ${heads} FROM streams`).raw().iterate() as Heads) {
    const counted = ENTRY_KINDS.map((kind) => order.headOf(ref, kind));
    if (counted.some((head) => head > 0)) used += 1;
    for (const [kind, head] of counted.entries()) {
      if (stored[kind] === head) continue;
      const events = KIND_NAMES[ENTRY_KINDS[kind]!];
      yield `stream ${ref} says its head is ${stored[kind]}, its ${events} entries end at ${head}`;
    }
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
  const tables: readonly [EntryKind, string][] = [["ves_event", "commands"]];
  for (const [kind, table] of hasLegacyTables(db) ? [...tables, ["event", "legacy_commands"] as const] : tables) {
    const stored = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    const counted = order.commandsOf(kind);
    if (stored !== counted) yield `${stored} command ids are stored, ${counted} ${KIND_NAMES[kind]} entries have one`;
  }
}

const KIND_NAMES: Readonly<Record<EntryKind, string>> = { ves_event: "VES", event: "legacy" };

type Rows = IterableIterator<readonly [ref: number, count: number]>;
type Heads = IterableIterator<readonly [ref: number, vesHead: number, legacyHead: number]>;
