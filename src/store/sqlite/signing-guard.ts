/**
 * Memory of what was signed, in a small database wherever the operator puts it: on another disk than the data folder, it
 * survives a restore of the folder and is shared by every copy of it. Reading, judging and writing are one exclusive
 * transaction, so that of two signers one wins.
 */
import { bytesEqual } from "../../base/bytes.js";
import type { TreeHead } from "../../protocol/tlog-proof.js";
import { StorageFullError } from "../contract.js";
import { SignerConflictError, type SigningGuard } from "../tlog-contract.js";
import { type Connection, isDiskFull, openNamed } from "./connection.js";

const BUSY_TIMEOUT_MS = 1_000;

/** Throws, by the file's name, where it is none that this user may write, or another program's. */
export function openSigningGuard(path: string): SigningGuard {
  const db = openNamed(`the guard file ${path}`, path, BUSY_TIMEOUT_MS, prepareHeads);
  const find = db.prepare("SELECT size, root FROM heads WHERE origin = ?");
  const write = db.prepare("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)");
  const read = (origin: string): TreeHead | null => {
    const row = find.get(origin) as { size: number; root: Buffer } | undefined;
    return row === undefined ? null : { size: row.size, root: new Uint8Array(row.root) };
  };
  const advance = db.transaction((origin: string, next: TreeHead, rootAt: (size: number) => Uint8Array) => {
    const last = read(origin);
    if (last !== null && last.size > next.size) {
      throw new SignerConflictError(`${last.size} entries were signed for, this log has ${next.size}`);
    }
    if (last !== null && !bytesEqual(rootAt(last.size), last.root)) {
      throw new SignerConflictError(`another history of ${last.size} entries was signed`);
    }
    if (last?.size !== next.size) write.run(origin, next.size, next.root);
  });
  return {
    read,
    advance(origin, next, rootAt) {
      try {
        advance.exclusive(origin, next, rootAt);
      } catch (error) {
        if (isDiskFull(error)) throw new StorageFullError("the disk of the guard file is full", { cause: error });
        throw error;
      }
    },
    [Symbol.dispose]: () => db.close(),
  };
}

function prepareHeads(db: Connection): void {
  db.pragma("journal_mode = DELETE");
  // FULL would leave the removal of the journal to the disk: after a power cut it could undo what was said to be written.
  db.pragma("synchronous = EXTRA");
  db.exec(
    "CREATE TABLE IF NOT EXISTS heads (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT, WITHOUT ROWID",
  );
}
