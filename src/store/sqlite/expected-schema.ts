/** What a database's schema must be: that of its migrations, run again on an empty database in memory. */
import type { Connection } from "./connection.js";
import { openDatabase } from "./driver.js";
import { beginAfter, migrate } from "./migrate.js";

/** Tables, indexes and triggers that are missing, changed or too many, by name. Throws for migrations unknown to this build. */
export function schemaDifferences(db: Connection, migrationsFolder: string): string[] {
  const version = db.prepare("SELECT max(version) FROM schema_migrations").pluck().get() as number | null;
  const memory = openDatabase(":memory:");
  try {
    migrate(memory, migrationsFolder, 0, { versionMax: version ?? 0 });
    const found = schemaOf(db);
    const differences = differencesOf(schemaOf(memory), found);
    if (differences.length === 0) return [];
    // Or of a start that was cut short in an upgrade.
    beginAfter(memory, migrationsFolder, version ?? 0);
    return differencesOf(schemaOf(memory), found).length === 0 ? [] : differences;
  } finally {
    memory.close();
  }
}

function differencesOf(expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): string[] {
  const names = new Set([...expected.keys(), ...found.keys()]);
  return [...names].filter((name) => expected.get(name) !== found.get(name));
}

function schemaOf(db: Connection): Map<string, string> {
  const rows = db.prepare("SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema").raw();
  return new Map(rows.all() as [name: string, definition: string][]);
}
