/**
 * Forward-only migrations: `migrations/sqlite/NNNN_name.sql`, each applied once, in order, in one transaction together
 * with its bookkeeping row. A crash in the middle leaves the previous version. What takes long on a large log is done before,
 * in slices that a crash does not undo: then the file has a line where they come, and its first part is repeatable.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crashPoint } from "../../base/crash-point.js";
import { type Connection, isDiskFull } from "./connection.js";
import { type FilledSlice, fillPlaces } from "./fill-places.js";
import { countEntries } from "./log-identity.js";
import { hasTable } from "./schema-questions.js";

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** What happens to a log that has entries, while its migrations are applied. */
export interface UpgradeStep {
  readonly migration: string;
  /** Entries of the log. */
  readonly entries: number;
  /** Null = the migration begins; its milliseconds = it is applied. */
  readonly done: FilledSlice | number | null;
}

export interface MigrateOptions {
  /** No further than this version. */
  readonly versionMax?: number | undefined;
  /** Rows written in one transaction where a migration goes in slices. */
  readonly sliceEntries?: number | undefined;
  readonly onUpgrade?: ((step: UpgradeStep) => void) | undefined;
}

/** Some 14 MB of the write-ahead log, half a second of one core. */
const SLICE_ENTRIES = 500_000;

/** Where a file is cut, and what comes there. */
const FILLED_HERE = /^-- Filled here: .*$/m;
const FILLINGS = new Map([["0008_places.sql", fillPlaces]]);

/** Checksums of files that led to the same schema and rows another way: a log that applied one of them is as good. */
const FORMER: ReadonlyMap<string, string> = new Map([
  // In one transaction, the whole of both tables in its write-ahead log.
  ["0008_places.sql", "4660c1df5ca1380457b54d4aa1d586eaf86a5606a20d6d78085ef934ecc79080"],
  // By reading the whole log.
  ["0009_checked_from.sql", "d4476701ea479c5fb2a2086e68533135c5881e7085f74e07aaa84ddd7164222f"],
]);

/** Brings the schema to the newest version. Throws when the disk has no room for it: the log is as it was, or part of the way. */
export function migrate(db: Connection, migrationsFolder: string, nowMs: number, options: MigrateOptions = {}): void {
  db.exec(
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT",
  );
  const migrations = readMigrations(migrationsFolder);
  const applied = readApplied(db);
  refuseUnknown(applied, migrations);
  for (const migration of migrations) {
    const known = applied.get(migration.version);
    if (migration.version > (options.versionMax ?? Number.POSITIVE_INFINITY)) break;
    if (known === undefined) applyOrExplain(db, migration, nowMs, options);
    else if (!isOf(migration, known)) throw new Error(`migration ${migration.name} was changed after it was applied`);
  }
}

/** Why a service of this build would not start on the database, for what it says of its migrations. */
export function migrationFaults(db: Connection, migrationsFolder: string): string[] {
  const applied = readApplied(db);
  const migrations = readMigrations(migrationsFolder);
  const last = Math.max(...applied.keys());
  const unknown = [...applied.keys()].filter((version) => !migrations.some((known) => known.version === version));
  const wrong = migrations.filter((migration) => {
    const sha256 = applied.get(migration.version);
    return sha256 === undefined ? migration.version < last : !isOf(migration, sha256);
  });
  return [
    ...unknown.map((version) => `migration ${version} was applied, which this build does not know`),
    ...wrong.map(({ name }) => `migration ${name} is not noted as it was applied`),
  ];
}

function readApplied(db: Connection): ReadonlyMap<number, string> {
  const rows = db.prepare("SELECT version, sha256 FROM schema_migrations").raw();
  return new Map(rows.all() as [version: number, sha256: string][]);
}

function isOf({ name, sha256 }: Migration, noted: string): boolean {
  return noted === sha256 || noted === FORMER.get(name);
}

/** The first part of what comes after a version, where it has one: what a start that was cut short leaves in the schema. */
export function beginAfter(db: Connection, migrationsFolder: string, version: number): void {
  const next = readMigrations(migrationsFolder).find((migration) => migration.version > version);
  if (next !== undefined && FILLED_HERE.test(next.sql)) db.exec(partsOf(next).begin);
}

function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name));
  names.sort();
  return names.map((name) => {
    const sql = readFileSync(join(folder, name), "utf8");
    return { version: Number(name.slice(0, 4)), name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
  });
}

/** An older build must not write to a newer schema. */
function refuseUnknown(applied: ReadonlyMap<number, string>, migrations: readonly Migration[]): void {
  const newest = migrations.at(-1)?.version ?? 0;
  for (const version of applied.keys()) {
    if (version > newest)
      throw new Error(`the database has migration ${version}, this build knows ${newest}: use a newer build`);
  }
}

function applyOrExplain(db: Connection, migration: Migration, nowMs: number, options: MigrateOptions): void {
  try {
    apply(db, migration, nowMs, options);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    const hint = "nothing of it is lost, make room and start again";
    throw new Error(`the disk is full: ${migration.name} could not be applied; ${hint}`, { cause: error });
  }
}

function apply(
  db: Connection,
  migration: Migration,
  nowMs: number,
  { onUpgrade, sliceEntries = SLICE_ENTRIES }: MigrateOptions,
): void {
  const { version, name, sha256 } = migration;
  const startedMs = performance.now();
  const entries = entriesOf(db);
  const tell = (done: UpgradeStep["done"]) =>
    entries > 0 ? onUpgrade?.({ migration: name, entries, done }) : undefined;
  tell(null);
  const { begin, end } = partsOf(migration);
  if (begin !== "") db.transaction(() => db.exec(begin)).immediate();
  for (const slice of FILLINGS.get(name)?.(db, entries, sliceEntries) ?? []) tell(slice);
  db.transaction(() => {
    crashPoint("migration.begun");
    db.exec(end);
    db.prepare("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)").run(version, name, sha256, nowMs);
    crashPoint("migration.written");
  }).immediate();
  crashPoint("migration.committed");
  tell(performance.now() - startedMs);
}

function partsOf({ sql }: Migration): { readonly begin: string; readonly end: string } {
  const cut = sql.search(FILLED_HERE);
  return cut < 0 ? { begin: "", end: sql } : { begin: sql.slice(0, cut), end: sql.slice(cut) };
}

/** Of a log; 0 of any other database. */
function entriesOf(db: Connection): number {
  return hasTable(db, "entries") ? countEntries(db) : 0;
}
