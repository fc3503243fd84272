/**
 * Turns the log into signed checkpoints. Steps: hash new entries into the tree, save tiles and head by compare-and-swap,
 * move the guard, sign. A signature is made of a head only after both memories hold it, and only if the head before it is
 * its beginning; so whatever happens between two steps, no two signed heads contradict each other. Bound: entries hashed
 * and not yet saved are at most those of one interval.
 */
import { assert } from "../base/assert.js";
import { bytesEqual } from "../base/bytes.js";
import type { Ed25519 } from "../protocol/ed25519.js";
import { HASH_BYTES } from "../protocol/hash.js";
import { signNote } from "../protocol/signed-note.js";
import { checkpointText } from "../protocol/tlog-checkpoint.js";
import { verifyConsistency } from "../protocol/tlog-proof.js";
import { TILE_WIDTH } from "../protocol/tlog-tile.js";
import type { TileTree } from "../protocol/tlog-tile-tree.js";
import { consistencyProof, inclusionProof, leafHash, treeRoot } from "../protocol/tlog-tree.js";
import type { LeafRing } from "../store/leaf-ring.js";
import type { SigningGuard, TlogStore } from "../store/tlog-contract.js";
import type { ConsistencyAnswer, InclusionAnswer, SignedCheckpoint, TlogQuestion } from "./tlog-message.js";

/** Where leaves come from: durable entries only. */
export interface LeafSource {
  /** Records of the entries from `fromOffset` on, at most `rowsMax`. */
  records(fromOffset: number, rowsMax: number): Uint8Array[];
}

export interface TlogSignerOptions {
  readonly origin: string;
  readonly signingSeed: Uint8Array;
  readonly ed25519: Pick<Ed25519, "sign" | "publicKey">;
  readonly entries: LeafSource;
  /** Leaves the lane has hashed already; null = every one is made of its row. */
  readonly ring: Pick<LeafRing, "take" | "release"> | null;
  readonly store: TlogStore;
  readonly guard: SigningGuard | null;
  /** As large as the store's head. */
  readonly tree: TileTree;
}

export class TlogSigner {
  readonly #options: TlogSignerOptions;

  constructor(options: TlogSignerOptions) {
    this.#options = options;
  }

  /** Leaves hashed so far. */
  get size(): number {
    return this.#options.tree.size;
  }

  /** Size of the last head that was saved: what questions are answered about. */
  get signedSize(): number {
    return this.#options.store.head.size;
  }

  /** Hashes up to `entriesMax` entries more into the tree. Returns how many it took, 0 only when there are no more. */
  grow(entriesMax: number): number {
    const { tree, ring } = this.#options;
    const from = tree.size;
    this.#growByRing(entriesMax);
    if (tree.size === from) this.#growByRows(entriesMax);
    ring?.release(tree.size);
    return tree.size - from;
  }

  #growByRing(leavesMax: number): void {
    const { tree, ring } = this.#options;
    if (ring === null) return;
    const leaves = ring.take(tree.size, leavesMax);
    for (let at = 0; at < leaves.length; at += HASH_BYTES) tree.append(leaves.subarray(at, at + HASH_BYTES));
  }

  #growByRows(rowsMax: number): void {
    const { tree, entries } = this.#options;
    for (const record of entries.records(tree.size, rowsMax)) tree.append(leafHash(record));
  }

  /** Signs the tree as it is. Throws SignerConflictError when that could contradict an earlier signature. */
  sign(): SignedCheckpoint {
    const { tree, store, guard, origin, signingSeed, ed25519 } = this.#options;
    const { head } = store;
    if (tree.size > head.size) this.#assertLastLeaf();
    const next = { size: tree.size, root: tree.root() };
    assert(verifyConsistency(head, next, consistencyProof(tree, head.size, next.size)), "the tree rewrote itself");
    // Crash before: the entries are hashed again. Crash inside: the old head and tiles, or the new ones.
    if (next.size > head.size) store.commit(next, tree.grown());
    tree.markSaved();
    // Crash here: the head is saved and unsigned. The next start signs it, or a later one, after the same checks.
    guard?.advance(origin, next, (size) => treeRoot(tree, size));
    // Crash here: as before; the guard is not ahead of the store.
    const note = signNote(checkpointText({ origin, ...next }), origin, signingSeed, ed25519);
    return { note, ...next, cosignatures: 0 };
  }

  /** Nothing is signed that is not durable: a leaf the lane hashed is that of a row which another connection can read. */
  #assertLastLeaf(): void {
    const { tree, entries } = this.#options;
    const last = tree.size - 1;
    const [record] = entries.records(last, 1);
    assert(
      record !== undefined && bytesEqual(leafHash(record), tree.node(0, last)),
      "the tree is not of the log's rows",
    );
  }

  /** What shows a witness that the signed tree of `to` leaves begins with that of `from`. */
  consistency(from: number, to: number): Uint8Array[] {
    return consistencyProof(this.#options.tree, from, to);
  }

  /** Null where the signed tree does not reach. */
  answer(question: TlogQuestion): Uint8Array | InclusionAnswer | ConsistencyAnswer | null {
    const { tree } = this.#options;
    switch (question.kind) {
      case "tile": {
        const { level, index, width } = question;
        const leaves = (index * TILE_WIDTH + width) * TILE_WIDTH ** level;
        return leaves > this.signedSize ? null : tree.tile(level, index, width);
      }
      case "entries":
        return this.#bundle(question.index * TILE_WIDTH, question.width);
      case "inclusion": {
        const { offset, size } = question;
        if (size > this.signedSize || offset >= size) return null;
        const [record] = this.#options.entries.records(offset, 1);
        return { record: record!, root: treeRoot(tree, size), proof: inclusionProof(tree, offset, size) };
      }
      case "consistency": {
        const { from, to } = question;
        if (to > this.signedSize || from > to) return null;
        const proof = consistencyProof(tree, from, to);
        return { fromRoot: treeRoot(tree, from), toRoot: treeRoot(tree, to), proof };
      }
    }
  }

  /** Records with their lengths (2 bytes, big-endian) in front. */
  #bundle(fromOffset: number, count: number): Uint8Array | null {
    if (fromOffset + count > this.signedSize) return null;
    const records = this.#options.entries.records(fromOffset, count);
    const bundle = new Uint8Array(records.reduce((bytes, record) => bytes + 2 + record.length, 0));
    let at = 0;
    for (const record of records) {
      bundle[at] = record.length >> 8;
      bundle[at + 1] = record.length & 0xff;
      bundle.set(record, at + 2);
      at += 2 + record.length;
    }
    return bundle;
  }
}
