/** What a database's schema must be: that of its migrations, run again on an empty database in memory. */
import Database from "better-sqlite3";
import type { Connection } from "./connection.js";
import { migrate } from "./migrate.js";

/** Tables, indexes and triggers that are missing, changed or too many, by name. Throws for migrations unknown to this build. */
export function schemaDifferences(db: Connection, migrationsFolder: string): string[] {
  const version = db.prepare("SELECT max(version) FROM schema_migrations").pluck().get() as number | null;
  const memory = new Database(":memory:");
  try {
    migrate(memory, migrationsFolder, 0, version ?? 0);
    const expected = schemaOf(memory);
    const found = schemaOf(db);
    const names = new Set([...expected.keys(), ...found.keys()]);
    return [...names].filter((name) => expected.get(name) !== found.get(name));
  } finally {
    memory.close();
  }
}

function schemaOf(db: Connection): Map<string, string> {
  const rows = db.prepare("SELECT name, type || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema").raw();
  return new Map(rows.all() as [name: string, definition: string][]);
}
