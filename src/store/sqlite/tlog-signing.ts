/** Whether this folder may go on signing for an origin: judged by the lane before it starts, and by the signer itself. */
import { bytesEqual } from "../../base/bytes.js";
import { HASH_BYTES } from "../../protocol/hash.js";
import { TILE_WIDTH } from "../../protocol/tlog-tile.js";
import { TileTree } from "../../protocol/tlog-tile-tree.js";
import { leafHash, treeRoot } from "../../protocol/tlog-tree.js";
import { SignerConflictError, type SigningGuard, type TlogStore } from "../tlog-contract.js";
import { openSigningGuard } from "./signing-guard.js";
import type { TlogEntries } from "./tlog-entries.js";
import { openTlogStore, type TlogStoreOptions } from "./tlog-store.js";

export interface TlogSigningOptions extends TlogStoreOptions {
  /** File of the guard outside the folder; empty = none. */
  readonly guardPath: string;
}

export interface TlogSigning extends Disposable {
  readonly store: TlogStore;
  readonly guard: SigningGuard | null;
  /** As large as the stored head, whose root it has. */
  readonly tree: TileTree;
}

/** Opens everything a signature depends on. Throws SignerConflictError when this folder may not sign for the origin. */
export function openTlogSigning(options: TlogSigningOptions, entries: TlogEntries): TlogSigning {
  const store = openTlogStore(options);
  let guard: SigningGuard | null = null;
  try {
    guard = options.guardPath === "" ? null : openSigningGuard(options.guardPath);
    const tree = new TileTree(store.head.size, (level, index) => store.tile(level, index));
    checkLog(store, entries);
    if (!bytesEqual(tree.root(), store.head.root)) throw new SignerConflictError("tlog.db is damaged");
    if (guard !== null) checkGuard(guard, options.origin, tree);
    return {
      ...{ store, guard, tree },
      [Symbol.dispose]() {
        guard?.[Symbol.dispose]();
        store[Symbol.dispose]();
      },
    };
  } catch (error) {
    guard?.[Symbol.dispose]();
    store[Symbol.dispose]();
    throw error;
  }
}

/** Why this folder may not sign for the origin, null when it may. */
export function tlogRefusal(options: TlogSigningOptions, entries: TlogEntries): string | null {
  try {
    openTlogSigning(options, entries)[Symbol.dispose]();
    return null;
  } catch (error) {
    if (error instanceof SignerConflictError) return error.message;
    throw error;
  }
}

/** A log that was set back has too few entries or, grown again, another one where the signed tree ended. */
function checkLog(store: TlogStore, entries: TlogEntries): void {
  const { head } = store;
  if (head.size === 0) return;
  const count = entries.count();
  if (count < head.size) {
    throw new SignerConflictError(`checkpoints were signed for ${head.size} entries, this log has ${count}`);
  }
  const last = head.size - 1;
  const hashes = store.tile(0, Math.floor(last / TILE_WIDTH))!;
  const at = (last % TILE_WIDTH) * HASH_BYTES;
  const [record] = entries.records(last, 1);
  if (!bytesEqual(leafHash(record!), hashes.subarray(at, at + HASH_BYTES))) {
    throw new SignerConflictError(`entry ${last} is not the one a checkpoint was signed for`);
  }
}

/** The guard is moved last: what it remembers can never be ahead of this folder, unless the folder was set back. */
function checkGuard(guard: SigningGuard, origin: string, tree: TileTree): void {
  const last = guard.read(origin);
  if (last === null) return;
  if (last.size > tree.size) {
    throw new SignerConflictError(
      `checkpoints were signed for ${last.size} entries, this folder knows of ${tree.size}`,
    );
  }
  if (!bytesEqual(treeRoot(tree, last.size), last.root)) {
    throw new SignerConflictError(`another history of ${last.size} entries was signed`);
  }
}
