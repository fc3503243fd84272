/** What a database has of the schema: backups, and logs that are still to be upgraded, may be older than a table or column. */
import type { Connection } from "./connection.js";

export function hasTable(db: Connection, table: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined;
}

/** False also where there is no such table. */
export function hasColumn(db: Connection, table: string, column: string): boolean {
  return db.prepare("SELECT 1 FROM pragma_table_info(?) WHERE name = ?").get(table, column) !== undefined;
}
