/**
 * Forward-only migrations: `migrations/sqlite/NNNN_name.sql`, each applied once, in order, in one transaction together
 * with its bookkeeping row. A crash in the middle leaves the previous version.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crashPoint } from "../../base/crash-point.js";
import type { Connection } from "./connection.js";

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** Brings the schema to the newest version, or no further than `versionMax`. */
export function migrate(db: Connection, migrationsFolder: string, nowMs: number, versionMax = Number.MAX_VALUE): void {
  db.exec(
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT",
  );
  const migrations = readMigrations(migrationsFolder);
  const applied = new Map(
    (db.prepare("SELECT version, sha256 FROM schema_migrations").all() as { version: number; sha256: string }[]).map(
      (row) => [row.version, row.sha256],
    ),
  );
  refuseUnknown(applied, migrations);
  for (const migration of migrations) {
    const known = applied.get(migration.version);
    if (migration.version > versionMax) break;
    if (known === undefined) apply(db, migration, nowMs);
    else if (known !== migration.sha256)
      throw new Error(`migration ${migration.name} was changed after it was applied`);
  }
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

function apply(db: Connection, migration: Migration, nowMs: number): void {
  db.transaction(() => {
    crashPoint("migration.begun");
    db.exec(migration.sql);
    db.prepare("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)").run(
      migration.version,
      migration.name,
      migration.sha256,
      nowMs,
    );
    crashPoint("migration.written");
  }).immediate();
  crashPoint("migration.committed");
}
