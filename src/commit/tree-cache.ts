import { LRUCache } from "lru-cache";
import { assert } from "../base/assert.js";
import { bytesEqual } from "../base/bytes.js";
import type { Uuid } from "../base/ids.js";
import type { CommitmentTree } from "../protocol/commitment-tree.js";
import type { Commitment, CommitmentSeries } from "../store/commitment-contract.js";
import type { TreeBuilder } from "./tree-builder.js";

/**
 * Whole trees of recent commitments, by batch id. A proof from a tree that is here hashes nothing and reads no row.
 * Bound: `bytesMax` of nodes (64 bytes per event); a larger tree is built, used and dropped.
 */
export class TreeCache {
  readonly #builder: TreeBuilder;
  readonly #series: CommitmentSeries;
  readonly #trees: LRUCache<Uuid, CommitmentTree> | null;

  /** `bytesMax` 0 = keep none. */
  constructor(builder: TreeBuilder, bytesMax: number, series: CommitmentSeries) {
    this.#builder = builder;
    this.#series = series;
    this.#trees =
      bytesMax === 0 ? null : new LRUCache({ maxSize: bytesMax, sizeCalculation: (tree) => tree.nodes.byteLength });
  }

  get bytes(): number {
    return this.#trees?.calculatedSize ?? 0;
  }

  put(batchId: Uuid, tree: CommitmentTree): void {
    this.#trees?.set(batchId, tree);
  }

  async of(commitment: Commitment): Promise<CommitmentTree> {
    const known = this.#trees?.get(commitment.batchId);
    if (known !== undefined) return known;
    const { tree } = await this.#builder.build(this.#series, commitment);
    assert(
      bytesEqual(tree.root, commitment.merkleRoot),
      `events of commitment ${commitment.batchId} are not those it covers`,
    );
    this.put(commitment.batchId, tree);
    return tree;
  }
}
