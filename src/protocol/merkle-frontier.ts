import { assert } from "../base/assert.js";
import type { StreamName } from "../base/ids.js";
import {
  LEAF_COUNT_MAX,
  MERKLE_LEAF_RECORD_BYTES,
  MerkleLeafPreimage,
  merkleLeafRecordWords,
  merkleNode,
  padRoot,
  treeDepth,
} from "./merkle.js";
import { sha256 } from "./sha256.js";

/** The root of a growing tree in the memory of one path: for whoever needs roots of long ranges and no proofs. */
export class MerkleFrontier {
  /** `#pending[d]`: root of a full subtree of depth d that waits for its right sibling. */
  readonly #pending: (Uint8Array | null)[] = [];
  readonly #preimage: MerkleLeafPreimage;
  #sequenceNumber: number;
  #leafCount = 0;

  constructor(stream: StreamName, sequenceStart: number) {
    this.#preimage = new MerkleLeafPreimage(stream);
    this.#sequenceNumber = sequenceStart;
  }

  get leafCount(): number {
    return this.#leafCount;
  }

  /** `records`: one or more leaf records, see `merkleLeafRecord`. */
  add(records: Uint8Array): void {
    const words = merkleLeafRecordWords(records);
    for (let i = 0; i < records.length / MERKLE_LEAF_RECORD_BYTES; i++) {
      assert(this.#leafCount < LEAF_COUNT_MAX, "a tree has at most 2^32 - 1 leaves");
      this.#preimage.set(this.#sequenceNumber++, words, i);
      this.#leafCount += 1;
      this.#carry(sha256(this.#preimage.bytes));
    }
  }

  /** Joins full subtrees of equal depth, as a binary counter carries. */
  #carry(leaf: Uint8Array): void {
    let node = leaf;
    let level = 0;
    for (let left = this.#pending[0]; left != null; left = this.#pending[level]) {
      node = merkleNode(left, node);
      this.#pending[level++] = null;
    }
    this.#pending[level] = node;
  }

  /** Root of the leaves so far, padded. There must be one. */
  root(): Uint8Array {
    const depth = treeDepth(this.#leafCount);
    let node: Uint8Array | null = null;
    for (let level = 0; level < depth; level++) {
      const left = this.#pending[level] ?? null;
      if (left !== null) node = merkleNode(left, node ?? padRoot(level));
      else if (node !== null) node = merkleNode(node, padRoot(level));
    }
    return node ?? this.#pending[depth]!;
  }
}
