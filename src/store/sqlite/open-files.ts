/**
 * The files a running service holds open, and whether they still have their names. Deleted or moved by hand they go on
 * working for it alone: what it acknowledges is in no file that the next start finds, another process reads an older log,
 * and a second service finds the folder free.
 */
import { statSync } from "node:fs";
import { databasePath } from "./connection.js";
import { lockPath } from "./folder-lock.js";

export class OpenFiles {
  readonly #inodes: ReadonlyMap<string, string | null>;

  /** Call when all of them are open. */
  constructor(folder: string) {
    const database = databasePath(folder);
    const paths = [database, `${database}-wal`, `${database}-shm`, lockPath(folder)];
    this.#inodes = new Map(paths.map((path) => [path, inodeOf(path)]));
  }

  /** The first that is gone, or another file by now; null = all are there. */
  lost(): string | null {
    for (const [path, inode] of this.#inodes) if (inode === null || inodeOf(path) !== inode) return path;
    return null;
  }
}

function inodeOf(path: string): string | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}
