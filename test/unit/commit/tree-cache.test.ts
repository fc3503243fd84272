import { expect, it } from "vitest";
import { uuidFromBytes } from "../../../src/base/ids.js";
import type { TreeBuilder } from "../../../src/commit/tree-builder.js";
import { TreeCache } from "../../../src/commit/tree-cache.js";
import { MerkleTree } from "../../../src/protocol/merkle-tree.js";
import type { Commitment } from "../../../src/store/commitment-contract.js";

const ID = uuidFromBytes(new Uint8Array(16).fill(7));

function commitmentOf(merkleRoot: Uint8Array): Commitment {
  const roots = { merkleRoot, prevStateRoot: new Uint8Array(32), newStateRoot: new Uint8Array(32).fill(2) };
  const range = { tenantId: ID, storeId: ID, sequenceStart: 1, sequenceEnd: 1 };
  return { batchId: ID, ...range, ...roots, committedAtMs: 0, anchor: null };
}

it("gives out and keeps no tree but the committed one", async () => {
  // One leaf: the leaf is the root.
  const leaf = new Uint8Array(32).fill(1);
  const builder = { build: async () => ({ tree: new MerkleTree(1, leaf) }) } as unknown as TreeBuilder;
  const cache = new TreeCache(builder, 1 << 20, "ves");
  await expect(cache.of(commitmentOf(new Uint8Array(32).fill(9)))).rejects.toThrow("not those it covers");
  expect(cache.bytes).toBe(0);
  expect((await cache.of(commitmentOf(leaf))).root).toEqual(leaf);
  expect(cache.bytes).toBe(32);
});
