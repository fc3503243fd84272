/** Logs as an older version leaves them. */
import Database from "better-sqlite3";
import { migrationsPath } from "../../src/base/asset-paths.js";
import { migrate } from "../../src/store/sqlite/migrate.js";

/** The last one that found entries by unique indexes of their own. */
export const VERSION_BEFORE_PLACES = 7;

/** The log at `source` as an older version would have left it. */
export function setBackLog(source: string, target: string, version = VERSION_BEFORE_PLACES): void {
  const db = new Database(target);
  migrate(db, migrationsPath("sqlite"), 0, { versionMax: version });
  db.pragma("foreign_keys = OFF");
  const schema = (type: string) =>
    db.prepare("SELECT name, sql FROM main.sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%'").all(type) as {
      name: string;
      sql: string;
    }[];
  const guards = schema("trigger");
  for (const { name } of guards) db.exec(`DROP TRIGGER ${name}`);
  db.prepare("ATTACH ? AS today").run(source);
  for (const { name } of schema("table")) {
    const columns = db.prepare(`SELECT group_concat('"' || name || '"') FROM pragma_table_info(?)`).pluck().get(name);
    if (name !== "schema_migrations") db.exec(`INSERT INTO main.${name} SELECT ${columns} FROM today.${name}`);
  }
  db.exec("DETACH today");
  for (const { sql } of guards) db.exec(sql);
  db.close();
}
