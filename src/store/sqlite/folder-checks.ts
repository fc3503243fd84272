/**
 * A data folder that is not as the last service left it, refused before SQLite makes it worse: it takes a missing database
 * for a new one and deletes the write-ahead log beside it, with everything acknowledged since the last checkpoint, and it adds
 * tables to whatever database it is given.
 */
import { statSync } from "node:fs";
import type { Connection } from "./connection.js";
import { hasColumn, hasTable } from "./schema-questions.js";
import { hasAnyFoundingPlace } from "./tlog-place.js";

/** Throws where the write-ahead log beside `path` has lost its database. Call before SQLite opens it. */
export function refuseLoneWriteAheadLog(path: string): void {
  if (sizeOf(path) > 0 || sizeOf(`${path}-wal`) === 0) return;
  throw new Error(
    `${path} is missing or empty, but ${path}-wal holds entries that belong to it: put the database back, or restore a backup with --force`,
  );
}

/** Throws for a database that is not this service's. It was only read. */
export function refuseForeignDatabase(db: Connection): void {
  if (isEmpty(db)) return;
  if (hasColumn(db, "schema_migrations", "sha256")) return;
  throw new Error("it is the database of another program, nothing was written to it");
}

/** Throws where a log would be founded in a folder that has signed checkpoints of one: that one was lost, in whole or in part. */
export function refuseSecondFounding(db: Connection, folder: string): void {
  if (isFounded(db) || !hasAnyFoundingPlace(folder)) return;
  throw new Error(
    `${folder} has signed checkpoints of a log, but ${db.name} holds none: put it back with its -wal file, restore a backup with --force, or begin a new log in an empty folder`,
  );
}

function isEmpty(db: Connection): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function isFounded(db: Connection): boolean {
  return hasTable(db, "log") && db.prepare("SELECT 1 FROM log").get() !== undefined;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
