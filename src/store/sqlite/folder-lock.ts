/**
 * One writer per data folder. The lock is SQLite's own exclusive file lock on a small database beside the log: the
 * operating system drops it with the process, so a crash never leaves a stale lock behind.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type Database from "better-sqlite3";
import { flushPath } from "../../base/flush-path.js";
import { openDatabase } from "./driver.js";
import { giveToFolderOwner, whyNotOpened } from "./file-owner.js";

/** Of two that come at the same moment each may be in the other's way: one of them has it by then. */
const BUSY_TIMEOUT_MS = 500;

export class FolderLockedError extends Error {
  override readonly name = "FolderLockedError";
}

/** Creates the folder (0700) if needed and locks it until disposed. Throws FolderLockedError when another process has it. */
export function lockFolder(folder: string): Disposable {
  createFolder(resolve(folder));
  const path = lockPath(folder);
  const db = openAt(path);
  try {
    db.pragma("journal_mode = DELETE");
    db.exec("BEGIN EXCLUSIVE");
    chmodSync(path, 0o600);
    giveToFolderOwner(path);
  } catch (error) {
    db.close();
    if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY")) {
      throw new FolderLockedError(`the data folder ${folder} is in use by another process`);
    }
    throw new Error(`${path} cannot be locked: ${(error as Error).message}`, { cause: error });
  }
  return { [Symbol.dispose]: () => db.close() };
}

export function lockPath(folder: string): string {
  return join(folder, "lock.db");
}

function openAt(path: string): Database.Database {
  try {
    return openDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  } catch (error) {
    throw new Error(`${path} cannot be opened: ${whyNotOpened(path, error)}`, { cause: error });
  }
}

/** The first folder that had to be made. Throws where a file has the name, or nothing may be made there. */
function makeFolder(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Error(`the data folder ${folder} cannot be made: ${(error as Error).message}`, { cause: error });
  }
}

/** Whatever is flushed inside it later, a folder whose own name was not is gone after a power cut. */
function createFolder(folder: string): void {
  const first = makeFolder(folder);
  if (first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    flushPath(dirname(made));
    if (made === first) return;
  }
}
