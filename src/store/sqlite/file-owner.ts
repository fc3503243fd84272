/** Who owns the files of a data folder, and why one cannot be opened. */
import { accessSync, chownSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Gives what root has made to the folder's owner, as SQLite does with its own files: an operator restores as root what a service
 * without privileges runs on. Others own what they make already.
 */
export function giveToFolderOwner(path: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

/** Why a database at `path` was not opened, in words that lead to the mend: SQLite has one reason for all that the system refuses. */
export function whyNotOpened(path: string, error: unknown): string {
  const { message, code = "" } = error as NodeJS.ErrnoException;
  if (code === "ERR_DLOPEN_FAILED" || message.includes("bindings file")) {
    // The package says where it looked for its machine code.
    const node = `Node ${process.version} on ${process.platform}-${process.arch}`;
    return `better-sqlite3 does not load in ${node}, try "npm rebuild better-sqlite3": ${message}`;
  }
  if (!code.startsWith("SQLITE_CANTOPEN")) return message;
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.R_OK | constants.W_OK);
  } catch (denied) {
    return (denied as Error).message;
  }
  return message;
}
