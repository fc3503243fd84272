import type { TreeHead } from "../protocol/tlog-proof.js";

/** What the log's tree asks of a store. One writer: the tlog thread. */

/** A tile as it is kept: `hashes` holds 1 to 256 of 32 bytes; with fewer than 256 it is the last of its level. */
export interface StoredTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Uint8Array;
}

export interface TlogStore extends Disposable {
  /** The last head that may have been signed. */
  readonly head: TreeHead;

  /** Hashes of a tile as last committed, null where there is none. */
  tile(level: number, index: number): Uint8Array | null;

  /**
   * Compare and swap: makes the tiles and the new head durable if the stored head is still `head`. Returned: `next` may be
   * signed. Thrown `SignerConflictError`: somebody else moved the head; nothing was written and nothing may be signed.
   * Thrown `StorageFullError`: nothing was written, try again.
   */
  commit(next: TreeHead, tiles: readonly StoredTile[]): void;
}

/** Where heads are remembered outside the data folder, so that a restored or copied folder meets what was signed since. */
export interface SigningGuard extends Disposable {
  /** The last head signed for the origin, null if there is none. */
  read(origin: string): TreeHead | null;

  /**
   * Moves the origin's head to `next` if what is remembered is a beginning of it: `rootAt(size)` gives the root that the
   * tree of `next` had at that size. Throws `SignerConflictError` and remembers nothing otherwise; `StorageFullError` without room.
   */
  advance(origin: string, next: TreeHead, rootAt: (size: number) => Uint8Array): void;
}

/** Signing would contradict, or could contradict, what was signed before under this origin. */
export class SignerConflictError extends Error {
  override readonly name = "SignerConflictError";
}
