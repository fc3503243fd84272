/**
 * The tree of a commitment, of either series: its nodes in one buffer, leaves first, then level by level up to the root;
 * level d holds ceil(n / 2^d) nodes. Ready to be moved between threads: `nodes` is all there is. What stands where a level
 * ends, the kinds of tree say.
 */
import { assert } from "../base/assert.js";
import { HASH_BYTES } from "./hash.js";
import { treeDepth } from "./merkle.js";

export abstract class CommitmentTree {
  readonly #levelStarts: readonly number[];

  constructor(
    readonly leafCount: number,
    readonly nodes: Uint8Array<ArrayBuffer>,
  ) {
    this.#levelStarts = levelStarts(leafCount);
    assert(nodes.length === treeBytes(leafCount), "the nodes are not those of a tree of this size");
  }

  /** The siblings of a leaf's way up, bottom first, 32 bytes each. Views into the tree. */
  abstract path(index: number): Uint8Array[];

  /** For each item of the path, whether the node on the way up is the left child. */
  abstract directions(index: number): boolean[];

  get depth(): number {
    return this.#levelStarts.length - 1;
  }

  get root(): Uint8Array {
    return this.node(this.depth, 0)!;
  }

  leaf(index: number): Uint8Array {
    assertLeafIndex(index, this.leafCount);
    return this.node(0, index)!;
  }

  /** Null beyond the last node of the level. */
  protected node(level: number, index: number): Uint8Array | null {
    const end = this.#levelStarts[level + 1] ?? this.nodes.length;
    const at = this.#levelStarts[level]! + index * HASH_BYTES;
    return at < end ? this.nodes.subarray(at, at + HASH_BYTES) : null;
  }
}

export function assertLeafIndex(index: number, leafCount: number): void {
  assert(Number.isInteger(index) && index >= 0 && index < leafCount, "leaf index out of range");
}

/** Bytes of a tree's buffer: under 64 per leaf plus 32 per level. */
export function treeBytes(leafCount: number): number {
  return levelStarts(leafCount).at(-1)! + HASH_BYTES;
}

/** Where each level begins in a tree's buffer, in bytes. */
function levelStarts(leafCount: number): number[] {
  const starts = [0];
  for (let count = leafCount; count > 1; count = Math.ceil(count / 2)) starts.push(starts.at(-1)! + count * HASH_BYTES);
  assert(starts.length === treeDepth(leafCount) + 1, "every level halves the one below");
  return starts;
}
