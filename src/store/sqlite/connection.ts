/**
 * SQLite connections, and the only place that opens them. One writer per data folder (the lane); every other connection
 * is read-only or, for checkpoints, writes nothing of its own.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { assert } from "../../base/assert.js";
import { openDatabase } from "./driver.js";
import { whyNotOpened } from "./file-owner.js";
import { refuseForeignDatabase, refuseLoneWriteAheadLog } from "./folder-checks.js";

export type Connection = Database.Database;

const FULL = 2;

/**
 * A WAL that a burst made larger shrinks to this when it starts over. Well above the default bound, so that under steady load
 * it never does: cutting the file and growing it again makes flushes wait for the file system's own journal.
 */
const JOURNAL_BYTES_KEPT = 256 * 1024 * 1024;

/** Page cache of the writer: what a chunk changes, and the inner pages of all indexes. Beyond it are the system's own pages, a copy away. */
const WRITER_CACHE_KIB = 32 * 1024;

/** Page cache of a connection that answers questions. */
const QUERY_CACHE_KIB = 16 * 1024;

/** Page cache of one that reads each page once, in order. Under a writer SQLite drops a reader's cache at every commit anyway. */
export const SCAN_CACHE_KIB = 1024;

/** How long a connection waits for a checkpoint that holds the write lock before it gives up. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * How long a RESTART checkpoint waits for readers: it holds the write lock meanwhile, so this is what the lane may be
 * delayed by. Our own reads take a few milliseconds; somebody else's open transaction is not waited for.
 */
const CHECKPOINT_WAIT_MS = 100;

export function databasePath(folder: string): string {
  return join(folder, "sequencer.db");
}

/** A restored log that is not in place yet. */
export function restoringPath(folder: string): string {
  return `${databasePath(folder)}.restoring`;
}

/**
 * Opens the writer: WAL, every commit flushed (FULL), no automatic checkpoints (they run elsewhere, see `wal-checkpoint.ts`).
 * Foreign keys are declared but not enforced per insert: the lane assigns every reference itself.
 */
export function openWriter(folder: string): Connection {
  if (existsSync(restoringPath(folder))) {
    throw new Error(`a restore into ${folder} was cut short: run it again with --force`);
  }
  refuseLoneWriteAheadLog(databasePath(folder));
  const db = openOwn(databasePath(folder), BUSY_TIMEOUT_MS);
  db.pragma("journal_mode = WAL");
  // After journal_mode: this build of SQLite falls back to NORMAL when WAL is set.
  db.pragma("synchronous = FULL");
  db.pragma("wal_autocheckpoint = 0");
  db.pragma(`journal_size_limit = ${JOURNAL_BYTES_KEPT}`);
  db.pragma("foreign_keys = OFF");
  db.pragma(`cache_size = -${WRITER_CACHE_KIB}`);
  return db;
}

/** Opens or creates a database of this service's own. Throws before anything is written to another's. */
export function openOwn(path: string, timeout: number): Connection {
  return openNamed(path, path, timeout, refuseForeignDatabase);
}

/**
 * Opens or creates a database and makes it ready. `name`: what it is called when that fails: an error of SQLite's own names no
 * file, and loses its message on the way to another thread.
 */
export function openNamed(name: string, path: string, timeout: number, prepare: (db: Connection) => void): Connection {
  let db: Connection | null = null;
  try {
    db = openDatabase(path, { timeout });
    prepare(db);
    return db;
  } catch (error) {
    db?.close();
    throw new Error(`${name} cannot be used: ${whyNotOpened(path, error)}`, { cause: error });
  }
}

/** Fails loud if commits are not flushed. Call after a first write: before it SQLite may report a value it drops later. */
export function assertDurable(db: Connection): void {
  assert(db.pragma("journal_mode", { simple: true }) === "wal", "SQLite is not in WAL mode");
  assert(db.pragma("synchronous", { simple: true }) === FULL, "SQLite is not running synchronous=FULL");
}

export function openReader(folder: string, cacheKib = QUERY_CACHE_KIB): Connection {
  return openReaderOf(databasePath(folder), cacheKib);
}

/** Reads a database file by its path, beside a running service or alone. */
export function openReaderOf(path: string, cacheKib = QUERY_CACHE_KIB): Connection {
  const db = openDatabase(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma("query_only = ON");
    db.pragma(`cache_size = -${cacheKib}`);
    return db;
  } catch (error) {
    // A damaged file is first read here.
    db.close();
    throw error;
  }
}

/**
 * Why this process may not read a database, whatever is in it; null = it may. In WAL mode reading takes files beside it, so that
 * on a read-only disk there is no way, also where all of it is in one file.
 */
export function whyUnreadable(path: string): string | null {
  try {
    const db = openReaderOf(path);
    try {
      db.prepare("SELECT 1 FROM sqlite_schema").get();
    } finally {
      db.close();
    }
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code !== undefined && MAY_NOT.test(code)) return message;
  }
  return null;
}

const MAY_NOT = /^SQLITE_(READONLY|CANTOPEN|PERM)/;

/** A connection for checkpoints only. */
export function openWalCheckpointer(folder: string): Connection {
  const db = openDatabase(databasePath(folder), { fileMustExist: true, timeout: CHECKPOINT_WAIT_MS });
  db.pragma("wal_autocheckpoint = 0");
  return db;
}

/**
 * A write found no room, and nothing of it counts: SQLite reports ENOSPC of a write as SQLITE_FULL and has rolled back. A
 * flush or the shared index without room is SQLITE_IOERR_*: the commit may already stand in the write-ahead log, so that is
 * a failed flush like any other.
 */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "SQLITE_FULL";
}
