/**
 * The log's tree in its own database, `tlog.db`: beside the log and not in it, so that no checkpoint ever waits for the
 * lane nor the lane for a checkpoint. Tiles and head move in one flushed transaction; a crash leaves the one before.
 */
import { join } from "node:path";
import { assert } from "../../base/assert.js";
import type { TreeHead } from "../../protocol/tlog-proof.js";
import { EMPTY_ROOT } from "../../protocol/tlog-tree.js";
import { StorageFullError } from "../contract.js";
import { SignerConflictError, type StoredTile, type TlogStore } from "../tlog-contract.js";
import { assertDurable, type Connection, isDiskFull, openOwn } from "./connection.js";
import { migrate } from "./migrate.js";
import { createFoundingPlace, foundingPlace, hasFoundingPlace } from "./tlog-place.js";

export interface TlogStoreOptions {
  readonly folder: string;
  readonly migrationsFolder: string;
  readonly origin: string;
  readonly nowMs: number;
}

/** Waits this long for another process's transaction: there should be none. */
const BUSY_TIMEOUT_MS = 1_000;

interface TreeRow {
  readonly ref: number;
  readonly size: number;
  readonly root: Buffer;
  readonly place: string;
}

/**
 * Opens the origin's tree, or founds it. Throws SignerConflictError when this folder is not the one that signed before:
 * a copy, a restored backup, or one whose `tlog.db` was lost.
 */
export function openTlogStore(options: TlogStoreOptions): TlogStore {
  const db = openOwn(join(options.folder, "tlog.db"), BUSY_TIMEOUT_MS);
  try {
    db.pragma("journal_mode = WAL");
    // After journal_mode, which resets it.
    db.pragma("synchronous = FULL");
    migrate(db, options.migrationsFolder, options.nowMs);
    return new SqliteTlogStore(db, openTree(db, options.folder, options.origin));
  } catch (error) {
    db.close();
    throw error;
  }
}

function openTree(db: Connection, folder: string, origin: string): TreeRow {
  const find = db.prepare("SELECT ref, size, root, place FROM trees WHERE origin = ?");
  const known = find.get(origin) as TreeRow | undefined;
  if (known !== undefined && known.place !== "") {
    if (known.place === foundingPlace(folder, origin)) return known;
    throw new SignerConflictError("this data folder is a copy or a restored backup of the one that signed checkpoints");
  }
  if (known === undefined && hasFoundingPlace(folder, origin)) {
    throw new SignerConflictError("this folder has signed checkpoints, but tlog.db no longer knows which");
  }
  // Crash from here to the last line: a tree without a place, which has signed nothing. The next start goes on here.
  if (known === undefined)
    db.prepare("INSERT INTO trees (origin, size, root) VALUES (?, 0, ?)").run(origin, EMPTY_ROOT);
  assertDurable(db);
  const place = createFoundingPlace(folder, origin);
  db.prepare("UPDATE trees SET place = ? WHERE origin = ?").run(place, origin);
  return find.get(origin) as TreeRow;
}

class SqliteTlogStore implements TlogStore {
  readonly #db: Connection;
  readonly #ref: number;
  readonly #sql;
  #head: TreeHead;

  constructor(db: Connection, tree: TreeRow) {
    this.#db = db;
    this.#ref = tree.ref;
    this.#head = { size: tree.size, root: new Uint8Array(tree.root) };
    this.#sql = {
      tile: db.prepare("SELECT hashes FROM tiles WHERE tree_ref = ? AND level = ? AND tile = ?").pluck(),
      write: db.prepare(
        "INSERT INTO tiles VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET hashes = excluded.hashes WHERE hashes <> excluded.hashes",
      ),
      swap: db.prepare("UPDATE trees SET size = ?, root = ? WHERE ref = ? AND size = ? AND root = ?"),
    };
  }

  get head(): TreeHead {
    return this.#head;
  }

  tile(level: number, index: number): Uint8Array | null {
    return (this.#sql.tile.get(this.#ref, level, index) as Buffer | undefined) ?? null;
  }

  commit(next: TreeHead, tiles: readonly StoredTile[]): void {
    const { size, root } = this.#head;
    assert(next.size >= size, "a tree never shrinks");
    const transaction = this.#db.transaction(() => {
      const { changes } = this.#sql.swap.run(next.size, next.root, this.#ref, size, root);
      if (changes !== 1) throw new SignerConflictError("another process moved this tree's head");
      for (const { level, index, hashes } of tiles) this.#sql.write.run(this.#ref, level, index, hashes);
    });
    try {
      transaction.immediate();
    } catch (error) {
      if (isDiskFull(error)) throw new StorageFullError("the disk is full", { cause: error });
      throw error;
    }
    this.#head = next;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
