/**
 * Copies of a log: one consistent snapshot in one file, and the way back. A restored log keeps its id and gets a higher
 * epoch, so that whoever followed the entries lost with the old one is told instead of being given others in their place.
 * `tlog.db` stays behind: its tree is named by the epoch, so a restored log begins a new one from its own entries.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { flushPath } from "../../base/flush-path.js";
import type { LogHead } from "../contract.js";
import { databasePath, openReaderOf, restoringPath } from "./connection.js";
import { openDatabase } from "./driver.js";
import { giveToFolderOwner } from "./file-owner.js";
import { lockFolder } from "./folder-lock.js";
import { readLogHead, readLogIdentity } from "./log-identity.js";

/** A copy cannot be made as asked; nothing was changed. */
export class BackupRefusedError extends Error {
  override readonly name = "BackupRefusedError";
}

/** Files a data folder may hold besides a log: the lock, and keys that never travel with a backup. */
const NOT_A_LOG = new Set([
  "lock.db",
  "lock.db-journal",
  "receipt-signing.key",
  "checkpoint-signing.key",
  "sequencer.id",
  "admin.key",
]);

/** In a data folder these are no place for a backup: a running service has them open, or will read them as its own. */
const SERVICE_FILE = /^(sequencer\.(db|id)|tlog[.-]|lock\.db)|\.key$/;

/** Writes the log in `folder` to `file`, beside a running service. On return the file is on disk, whole, and was read back. */
export function backUp(folder: string, file: string, isForced: boolean): LogHead {
  if (!isForced && existsSync(file)) throw new BackupRefusedError(`${file} exists: give --force to replace it`);
  if (SERVICE_FILE.test(basename(file)) && realpathSync(dirname(file)) === realpathSync(folder)) {
    throw new BackupRefusedError(`${file} is the name of one of the service's own files: choose another`);
  }
  removePartsCutShort(file);
  // Of this process alone: backups of one file may overlap, when each takes longer than the time between two.
  const part = `${file}.part-${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    const head = snapshot(databasePath(folder), part);
    if (isForced) renameSync(part, file);
    else {
      // Fails if the file has come into being since: a backup never replaces another by accident.
      linkSync(part, file);
      unlinkSync(part);
    }
    flushPath(dirname(file));
    return head;
  } finally {
    rmSync(part, { force: true });
  }
}

/** What crashed backups to `file` left beside it. */
function removePartsCutShort(file: string): void {
  const prefix = `${basename(file)}.part-`;
  for (const name of readdirSync(dirname(file))) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (pid > 0 && !isRunning(pid)) rmSync(join(dirname(file), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

export interface RestoreOptions {
  readonly file: string;
  readonly folder: string;
  /** Replace the log that is there; it is kept in a folder beside it. */
  readonly isForced: boolean;
  /** At least this epoch: for logs whose later epochs this machine knows nothing of. */
  readonly epochMin: number;
  /** Names the folder the old log is moved to. */
  readonly nowText: string;
}

/** Puts a backup in place under a raised epoch. Throws FolderLockedError while a service runs there. */
export function restore(options: RestoreOptions): { head: LogHead; replaced: string | null } {
  const { file, folder } = options;
  using _lock = lockFolder(folder);
  const old = readdirSync(folder).filter((name) => !NOT_A_LOG.has(name));
  if (old.length > 0 && !options.isForced) {
    throw new BackupRefusedError(
      `${folder} is not empty (${old.slice(0, 3).join(", ")}): give --force to replace the log there`,
    );
  }
  const pending = restoringPath(folder);
  const part = `${pending}.part`;
  try {
    const backedUp = snapshot(file, part);
    giveToFolderOwner(part);
    const epoch = Math.max(backedUp.epoch + 1, lastEpoch(folder, options.epochMin) + 1, options.epochMin);
    writeEpoch(part, epoch);
    // From here on a service refuses to start on this folder until the restore is through.
    renameSync(part, pending);
    flushPath(folder);
    const replaced = moveAside(folder, options.nowText);
    renameSync(pending, databasePath(folder));
    flushPath(folder);
    return { head: { ...backedUp, epoch }, replaced };
  } finally {
    rmSync(part, { force: true });
  }
}

/** One transaction's view of a database in a file of its own: 0600, flushed, checked by reading it back. */
function snapshot(source: string, target: string): LogHead {
  rmSync(target, { force: true });
  closeSync(openSync(target, "wx", 0o600));
  const db = openReaderOf(source);
  try {
    // Of the connection, not of the source: the file that is written is the target.
    db.pragma("query_only = OFF");
    db.prepare("VACUUM INTO ?").run(target);
  } finally {
    db.close();
  }
  flushPath(target);
  return readBack(target);
}

function readBack(path: string): LogHead {
  const db = openReaderOf(path);
  try {
    const check = db.pragma("quick_check(1)", { simple: true });
    if (check !== "ok") throw new Error(`the copy is damaged: ${String(check)}`);
    return readLogHead(db);
  } finally {
    db.close();
  }
}

function writeEpoch(path: string, epoch: number): void {
  const db = openDatabase(path);
  db.pragma("synchronous = FULL");
  db.prepare("UPDATE log SET epoch = ? WHERE id = 1").run(epoch);
  db.close();
  flushPath(path);
}

/** The highest epoch this folder has seen. A log that cannot be read could have any. */
function lastEpoch(folder: string, epochMin: number): number {
  let last = 0;
  const [database, pending] = [databasePath(folder), restoringPath(folder)];
  for (const path of [database, pending]) {
    // A write-ahead log alone had an epoch too; a restore that was cut short knew it.
    const isLost = path === database && existsSync(`${path}-wal`) && !existsSync(pending);
    if (!existsSync(path) && !isLost) continue;
    try {
      const db = openReaderOf(path);
      last = Math.max(last, readLogIdentity(db).epoch);
      db.close();
    } catch (error) {
      if (epochMin > 0) continue;
      throw new BackupRefusedError(
        `the epoch of ${path} cannot be read (${(error as Error).message}): give --epoch, above the last one it had`,
      );
    }
  }
  return last;
}

/**
 * The old log keeps its write-ahead log beside it: together they are what was acknowledged. So both get their second name
 * before either loses its first, and the restore that comes after one cut short finds them together.
 */
function moveAside(folder: string, nowText: string): string | null {
  const database = databasePath(folder);
  const paths = [database, `${database}-wal`, `${database}-shm`].filter((path) => existsSync(path));
  if (paths.length === 0) return null;
  const aside = join(folder, `replaced-${nowText}`);
  mkdirSync(aside, { mode: 0o700 });
  chmodSync(aside, 0o700);
  giveToFolderOwner(aside);
  for (const path of paths) linkSync(path, join(aside, basename(path)));
  flushPath(aside);
  flushPath(folder);
  for (const path of paths) unlinkSync(path);
  flushPath(folder);
  return aside;
}
