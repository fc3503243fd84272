/**
 * A commitment's tree with all its nodes, for proofs. A subtree of nothing but PAD has a known root, so only real nodes are
 * hashed and kept: a tree of n leaves costs n leaf hashes, about n node hashes and 64n bytes, once.
 */
import { assert } from "../base/assert.js";
import type { StreamName } from "../base/ids.js";
import { assertLeafIndex, CommitmentTree, treeBytes } from "./commitment-tree.js";
import { HASH_BYTES } from "./hash.js";
import {
  MERKLE_LEAF_RECORD_BYTES,
  MerkleLeafPreimage,
  merkleLeafRecordWords,
  merkleNodePreimage,
  padRoot,
} from "./merkle.js";
import { pathDirections } from "./merkle-proof.js";
import { type DigestColumn, digestColumn } from "./sha256.js";

/** A whole tree; beyond a level's last node there is PAD. */
export class MerkleTree extends CommitmentTree {
  /** Always `depth` of them. */
  override path(index: number): Uint8Array[] {
    assertLeafIndex(index, this.leafCount);
    return Array.from({ length: this.depth }, (_, level) => {
      return this.node(level, Math.floor(index / 2 ** level) ^ 1) ?? padRoot(level);
    });
  }

  override directions(index: number): boolean[] {
    return pathDirections(index, this.depth);
  }
}

/** Builds the tree of `leafCount` consecutive events from `sequenceStart` on, added in order. */
export class MerkleTreeBuilder {
  readonly #leafCount: number;
  readonly #preimage: MerkleLeafPreimage;
  readonly #nodes: Uint8Array<ArrayBuffer>;
  readonly #digest: DigestColumn;
  readonly #sequenceStart: number;
  #added = 0;

  constructor(stream: StreamName, sequenceStart: number, leafCount: number) {
    this.#leafCount = leafCount;
    this.#sequenceStart = sequenceStart;
    this.#preimage = new MerkleLeafPreimage(stream);
    this.#nodes = new Uint8Array(treeBytes(leafCount));
    this.#digest = digestColumn(this.#nodes);
  }

  /** `records`: one or more leaf records, see `merkleLeafRecord`. */
  add(records: Uint8Array): void {
    const words = merkleLeafRecordWords(records);
    const count = records.length / MERKLE_LEAF_RECORD_BYTES;
    assert(this.#added + count <= this.#leafCount, "more events than the tree has leaves");
    for (let i = 0; i < count; i++, this.#added++) {
      this.#preimage.set(this.#sequenceStart + this.#added, words, i);
      this.#digest(this.#preimage.bytes, this.#added * HASH_BYTES);
    }
  }

  /** Hashes the levels above the leaves. The builder must not be used after. */
  finish(): MerkleTree {
    assert(this.#added === this.#leafCount, "fewer events than the tree has leaves");
    let from = 0;
    for (let count = this.#leafCount, level = 0; count > 1; count = Math.ceil(count / 2), level++) {
      this.#hashLevel(from, count, padRoot(level));
      from += count * HASH_BYTES;
    }
    return new MerkleTree(this.#leafCount, this.#nodes);
  }

  /** Writes the parents of the `count` nodes at byte `from` behind them. */
  #hashLevel(from: number, count: number, pad: Uint8Array): void {
    const words = new Uint32Array(this.#nodes.buffer);
    const { bytes, children } = merkleNodePreimage();
    const parents = Math.ceil(count / 2);
    let parent = from + count * HASH_BYTES;
    for (let i = 0; i < parents; i++, parent += HASH_BYTES) {
      const child = from / 4 + i * children.length;
      for (let word = 0; word < children.length; word++) children[word] = words[child + word]!;
      if (i * 2 + 1 === count) bytes.set(pad, bytes.length - HASH_BYTES);
      this.#digest(bytes, parent);
    }
  }
}
