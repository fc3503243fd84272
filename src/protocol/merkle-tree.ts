/**
 * A commitment's tree with all its nodes, for proofs. A subtree of nothing but PAD has a known root, so only real nodes are
 * hashed and kept: a tree of n leaves costs n leaf hashes, about n node hashes and 64n bytes, once.
 */
import { assert } from "../base/assert.js";
import {
  HASH_BYTES,
  LEAF_RECORD_BYTES,
  LeafPreimage,
  leafRecordWords,
  type MerkleStream,
  nodePreimage,
  padRoot,
  treeDepth,
} from "./merkle.js";
import { pathDirections } from "./merkle-proof.js";
import { type DigestColumn, digestColumn } from "./sha256.js";

/**
 * A whole tree in one buffer, leaves first, then level by level up to the root; level d holds ceil(n / 2^d) nodes, the
 * rest of it being PAD. Ready to be moved between threads: `nodes` is all there is.
 */
export class MerkleTree {
  readonly #levelStarts: readonly number[];

  constructor(
    readonly leafCount: number,
    readonly nodes: Uint8Array<ArrayBuffer>,
  ) {
    this.#levelStarts = levelStarts(leafCount);
    assert(nodes.length === treeBytes(leafCount), "the nodes are not those of a tree of this size");
  }

  get depth(): number {
    return this.#levelStarts.length - 1;
  }

  get root(): Uint8Array {
    return this.#node(this.depth, 0);
  }

  leaf(index: number): Uint8Array {
    assert(Number.isInteger(index) && index >= 0 && index < this.leafCount, "leaf index out of range");
    return this.#node(0, index);
  }

  /** The siblings of a leaf's way up, bottom first: always `depth` of them. Views into the tree. */
  path(index: number): Uint8Array[] {
    assert(Number.isInteger(index) && index >= 0 && index < this.leafCount, "leaf index out of range");
    const path: Uint8Array[] = [];
    for (let level = 0; level < this.depth; level++) path.push(this.#node(level, Math.floor(index / 2 ** level) ^ 1));
    return path;
  }

  /** For each item of the path, whether the node on the way up is the left child. */
  directions(index: number): boolean[] {
    return pathDirections(index, this.depth);
  }

  #node(level: number, index: number): Uint8Array {
    const start = this.#levelStarts[level]!;
    const end = this.#levelStarts[level + 1] ?? this.nodes.length;
    const at = start + index * HASH_BYTES;
    return at < end ? this.nodes.subarray(at, at + HASH_BYTES) : padRoot(level);
  }
}

/** Bytes of a tree's buffer: under 64 per leaf plus 32 per level. */
export function treeBytes(leafCount: number): number {
  let bytes = HASH_BYTES;
  for (let count = leafCount; count > 1; count = Math.ceil(count / 2)) bytes += count * HASH_BYTES;
  return bytes;
}

/** Where each level begins in a tree's buffer, in bytes. */
export function levelStarts(leafCount: number): number[] {
  const starts = [0];
  for (let count = leafCount; count > 1; count = Math.ceil(count / 2)) starts.push(starts.at(-1)! + count * HASH_BYTES);
  assert(starts.length === treeDepth(leafCount) + 1, "every level halves the one below");
  return starts;
}

/** Builds the tree of `leafCount` consecutive events from `sequenceStart` on, added in order. */
export class MerkleTreeBuilder {
  readonly #leafCount: number;
  readonly #preimage: LeafPreimage;
  readonly #nodes: Uint8Array<ArrayBuffer>;
  readonly #digest: DigestColumn;
  readonly #sequenceStart: number;
  #added = 0;

  constructor(stream: MerkleStream, sequenceStart: number, leafCount: number) {
    this.#leafCount = leafCount;
    this.#sequenceStart = sequenceStart;
    this.#preimage = new LeafPreimage(stream);
    this.#nodes = new Uint8Array(treeBytes(leafCount));
    this.#digest = digestColumn(this.#nodes);
  }

  get added(): number {
    return this.#added;
  }

  /** `records`: one or more leaf records, see `leafRecord`. */
  add(records: Uint8Array): void {
    const words = leafRecordWords(records);
    const count = records.length / LEAF_RECORD_BYTES;
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
    const { bytes, children } = nodePreimage();
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
