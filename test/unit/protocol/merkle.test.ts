/** Merkle trees and proofs against the golden values, an independent model, and everything that is not the proof. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import {
  merkleLeaf,
  merkleLeafRecord,
  merkleNode,
  PAD_LEAF,
  paddedLeafCount,
  padRoot,
  treeDepth,
} from "../../../src/protocol/merkle.js";
import { MerkleFrontier } from "../../../src/protocol/merkle-frontier.js";
import {
  pathDirections,
  readMerkleProof,
  verifyEventInclusion,
  verifyMerkleInclusion,
  verifyMerklePath,
} from "../../../src/protocol/merkle-proof.js";
import { type MerkleTree, MerkleTreeBuilder } from "../../../src/protocol/merkle-tree.js";
import { modelLeaf, modelTree, sha256 } from "../../support/merkle-model.js";
import { TEST_SEED } from "../../support/seed.js";
import { golden, hex } from "./support.js";

const STREAM = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
};
const SIGNING_HASH = hex(golden["G1 event_signing_hash"]!);
const SIGNATURE = hex(golden["G1 agent_signature"]!);
const RECORD = merkleLeafRecord(SIGNING_HASH, SIGNATURE);

describe("golden values (G1)", () => {
  const tree = buildTree([1, 2, 3].map(() => ({ hash: SIGNING_HASH, signature: SIGNATURE })));

  test("pad, leaves, root, proof", () => {
    expect(toHex(PAD_LEAF)).toBe(golden.PAD_LEAF);
    for (const sequenceNumber of [1, 2, 3]) {
      const leaf = merkleLeaf({
        ...STREAM,
        sequenceNumber,
        eventSigningHash: SIGNING_HASH,
        agentSignature: SIGNATURE,
      });
      expect(toHex(leaf)).toBe(golden[`G1 leaf seq ${sequenceNumber}`]);
      expect(tree.leaf(sequenceNumber - 1)).toEqual(leaf);
    }
    expect(toHex(tree.root)).toBe(golden["G1 root of 3 leaves"]);
    expect(tree.path(2).map(toHex).join(" ")).toBe(golden["G1 proof index 2"]);
  });

  test("a tree of one leaf is that leaf", () => {
    const single = buildTree([{ hash: SIGNING_HASH, signature: SIGNATURE }], 4);
    expect(toHex(single.root)).toBe(golden["G1 leaf seq 4"]);
    expect(single.depth).toBe(0);
    expect(single.path(0)).toEqual([]);
  });
});

describe("sizes", () => {
  test.each([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
    [1024, 10],
    [1025, 11],
    [65_536, 16],
    [2 ** 31 + 1, 32],
    [2 ** 32 - 1, 32],
  ])("%d leaves have depth %d", (leafCount, depth) => {
    expect(treeDepth(leafCount)).toBe(depth);
    expect(paddedLeafCount(leafCount)).toBe(2 ** depth);
  });

  test.each([0, -1, 1.5, 2 ** 32, Number.NaN])("%d is no leaf count", (leafCount) => {
    expect(() => treeDepth(leafCount)).toThrow("leaf count");
  });

  test("sequence numbers beyond 32 bits are hashed whole", () => {
    const sequenceNumber = 2 ** 40 + 7;
    const tree = buildTree([{ hash: SIGNING_HASH, signature: SIGNATURE }], sequenceNumber);
    expect(toHex(tree.root)).toBe(toHex(modelLeaf(STREAM, sequenceNumber, SIGNING_HASH, SIGNATURE)));
  });
});

/** Every size up to 40, then a sample; MERKLE_SWEEP=full takes every size up to 1,025. */
const SIZES_ALWAYS = Array.from({ length: 40 }, (_, i) => i + 1);
const SIZES_SAMPLED = [63, 64, 65, 127, 129, 255, 256, 257, 511, 513, 1000, 1023, 1024, 1025];
const SIZES =
  process.env.MERKLE_SWEEP === "full"
    ? Array.from({ length: 1025 }, (_, i) => i + 1)
    : [...SIZES_ALWAYS, ...SIZES_SAMPLED];

describe("every leaf is proven, and nothing else", () => {
  const events = Array.from({ length: 1025 }, (_, i) => ({
    hash: sha256(`hash ${TEST_SEED} ${i}`),
    signature: Buffer.concat([sha256(`r ${TEST_SEED} ${i}`), sha256(`s ${TEST_SEED} ${i}`)]),
  }));

  test.each(SIZES)("%d leaves", (leafCount) => {
    const own = events.slice(0, leafCount);
    const tree = buildTree(own);
    const model = modelTree(own.map(({ hash, signature }, i) => modelLeaf(STREAM, i + 1, hash, signature)));
    expect(toHex(tree.root)).toBe(toHex(model.at(-1)![0]!));
    const frontier = new MerkleFrontier(STREAM, 1);
    for (const { hash, signature } of own) frontier.add(merkleLeafRecord(hash, signature));
    expect(frontier.leafCount).toBe(leafCount);
    expect(toHex(frontier.root())).toBe(toHex(tree.root));
    for (let index = 0; index < leafCount; index++) checkLeaf(tree, model, index);
  });
});

function checkLeaf(tree: MerkleTree, model: readonly Buffer[][], index: number): void {
  const { leafCount, root: merkleRoot } = tree;
  const path = tree.path(index);
  const proof = { leafHash: tree.leaf(index), leafIndex: index, leafCount, path, merkleRoot };
  const isEqualToModel = path.every((sibling, level) => model[level]![(index >> level) ^ 1]!.equals(sibling));
  const refused = [
    // Every other index: all of them in small trees, else those that differ in one bit, the next one, one a tree further.
    ...otherIndexes(leafCount, index).map((leafIndex) => ({ ...proof, leafIndex })),
    { ...proof, leafIndex: index + 2 ** path.length },
    { ...proof, leafIndex: -1 },
    { ...proof, leafIndex: index + 0.5 },
    // Every other depth.
    { ...proof, path: [...path, PAD_LEAF] },
    { ...proof, path: path.slice(0, -1), merkleRoot: path.length === 0 ? PAD_LEAF : merkleRoot },
    { ...proof, leafCount: 2 ** path.length + 1 },
    { ...proof, leafCount: index },
    // Every other sibling, root and leaf.
    ...path.map((_, level) => ({ ...proof, path: path.map((s, at) => (at === level ? flip(s, index) : s)) })),
    ...(path.length > 1 && toHex(path[0]!) !== toHex(path[1]!)
      ? [{ ...proof, path: [path[1]!, path[0]!, ...path.slice(2)] }]
      : []),
    { ...proof, merkleRoot: flip(merkleRoot, index) },
    { ...proof, leafHash: flip(proof.leafHash, index) },
    { ...proof, leafHash: PAD_LEAF },
    { ...proof, leafHash: proof.leafHash.subarray(1) },
  ];
  if (!isEqualToModel || !verifyMerkleInclusion(proof)) throw new Error(`leaf ${index} of ${leafCount} is not proven`);
  const accepted = refused.findIndex((other) => verifyMerkleInclusion(other));
  if (accepted >= 0) throw new Error(`leaf ${index} of ${leafCount}: forgery ${accepted} is accepted`);
}

function otherIndexes(leafCount: number, index: number): number[] {
  if (leafCount > 40)
    return [...Array.from({ length: treeDepth(leafCount) }, (_, bit) => index ^ (1 << bit)), index + 1];
  return Array.from({ length: paddedLeafCount(leafCount) }, (_, other) => other).filter((other) => other !== index);
}

describe("what a proof cannot say", () => {
  const tree = buildTree([1, 2, 3].map(() => ({ hash: SIGNING_HASH, signature: SIGNATURE })));

  test("that padding is an event, though it is in the tree", () => {
    const path = [tree.leaf(2), padlessSibling()];
    expect(merkleNode(path[1]!, merkleNode(path[0]!, PAD_LEAF))).toEqual(tree.root);
    const proof = { leafHash: PAD_LEAF, leafIndex: 3, path, merkleRoot: tree.root };
    expect(verifyMerklePath(proof)).toBe(false);
    expect(verifyMerkleInclusion({ ...proof, leafCount: 4 })).toBe(false);
  });

  test("that an inner node is an event", () => {
    const leafHash = merkleNode(tree.leaf(0), tree.leaf(1));
    const proof = { leafHash, leafIndex: 0, path: [merkleNode(tree.leaf(2), PAD_LEAF)], merkleRoot: tree.root };
    expect(verifyMerklePath(proof)).toBe(true);
    for (const leafCount of [3, 4]) expect(verifyMerkleInclusion({ ...proof, leafCount })).toBe(false);
  });

  test("anything in a path no tree can have", () => {
    const path = Array.from({ length: 33 }, () => PAD_LEAF);
    const merkleRoot = path.reduce((node, sibling) => merkleNode(node, sibling), tree.leaf(0));
    expect(verifyMerklePath({ leafHash: tree.leaf(0), leafIndex: 0, path, merkleRoot })).toBe(false);
  });

  test("that one event is another, or has another number", () => {
    const event = { ...STREAM, sequenceNumber: 2, eventSigningHash: SIGNING_HASH, agentSignature: SIGNATURE };
    const commitment = { sequenceStart: 1, sequenceEnd: 3, merkleRoot: tree.root };
    expect(verifyEventInclusion(event, tree.path(1), commitment)).toBe(true);
    for (const other of [
      { ...event, sequenceNumber: 1 },
      { ...event, sequenceNumber: 0 },
      { ...event, sequenceNumber: 2.5 },
      { ...event, sequenceNumber: 4 },
      { ...event, storeId: STREAM.tenantId },
      { ...event, eventSigningHash: flip(SIGNING_HASH, 0) },
      { ...event, agentSignature: SIGNATURE.subarray(1) },
    ]) {
      expect(verifyEventInclusion(other, tree.path(1), commitment)).toBe(false);
    }
    expect(verifyEventInclusion(event, tree.path(1), { ...commitment, sequenceEnd: 5 })).toBe(false);
    expect(verifyEventInclusion(event, tree.path(1), { ...commitment, sequenceStart: 2 })).toBe(false);
  });

  function padlessSibling(): Uint8Array {
    return merkleNode(tree.leaf(0), tree.leaf(1));
  }
});

describe("the wire form of a proof", () => {
  const tree = buildTree([1, 2, 3].map(() => ({ hash: SIGNING_HASH, signature: SIGNATURE })));
  const json = {
    sequence_number: 2,
    leaf_index: 1,
    leaf_hash: toHex(tree.leaf(1)),
    merkle_root: toHex(tree.root),
    proof_path: tree.path(1).map(toHex),
  };

  test("is read back and verifies", () => {
    const proof = readMerkleProof({ ...json, directions: "not read" })!;
    expect(proof.sequenceNumber).toBe(2);
    expect(verifyMerkleInclusion({ ...proof, leafCount: 3 })).toBe(true);
  });

  test.each(Object.keys(json))("is refused with an odd %s", (name) => {
    const odd = [
      undefined,
      null,
      "x",
      {},
      1.5,
      ["x"],
      `0x${json.leaf_hash}`,
      Array.from({ length: 33 }, () => json.leaf_hash),
    ];
    for (const value of odd) expect(readMerkleProof({ ...json, [name]: value })).toBeNull();
  });
});

test("directions follow from the index", () => {
  expect(pathDirections(0, 3)).toEqual([true, true, true]);
  expect(pathDirections(5, 3)).toEqual([false, true, false]);
  expect(pathDirections(2 ** 31, 32).at(-1)).toBe(false);
});

test("a builder takes exactly the leaves it was made for", () => {
  const builder = new MerkleTreeBuilder(STREAM, 1, 2);
  builder.add(RECORD);
  expect(() => builder.finish()).toThrow("fewer");
  builder.add(RECORD);
  expect(() => builder.add(RECORD)).toThrow("more");
  const tree = builder.finish();
  for (const index of [-1, 2, 0.5]) expect(() => tree.path(index)).toThrow("out of range");
});

describe("without built-in modules and Buffer", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  test("the same tree", async () => {
    const record = merkleLeafRecord(SIGNING_HASH, SIGNATURE);
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
    vi.stubGlobal("Buffer", undefined);
    vi.resetModules();
    const { MerkleTreeBuilder: BrowserBuilder } = await import("../../../src/protocol/merkle-tree.js");
    const builder = new BrowserBuilder(STREAM, 1, 3);
    for (let i = 0; i < 3; i++) builder.add(record);
    expect(toHex(builder.finish().root)).toBe(golden["G1 root of 3 leaves"]);
  });
});

interface Event {
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

function buildTree(events: readonly Event[], sequenceStart = 1): MerkleTree {
  const builder = new MerkleTreeBuilder(STREAM, sequenceStart, events.length);
  for (const { hash, signature } of events) builder.add(merkleLeafRecord(hash, signature));
  return builder.finish();
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const other = new Uint8Array(bytes);
  other[at % other.length]! ^= 1 << (at % 8);
  return other;
}

test("pad roots are roots of padding", () => {
  for (let depth = 0; depth < 6; depth++) {
    const leaves = Array.from({ length: 2 ** depth }, () => Buffer.from(PAD_LEAF));
    expect(toHex(padRoot(depth))).toBe(toHex(modelTree(leaves).at(-1)![0]!));
  }
});

test("records are taken one by one, together, and from any place in memory", () => {
  const records = randomBytes(96 * 5);
  const moved = new Uint8Array(96 * 5 + 1).subarray(1);
  moved.set(records);
  const roots = [
    (builder: MerkleTreeBuilder) => builder.add(records),
    (builder: MerkleTreeBuilder) => builder.add(moved),
    (builder: MerkleTreeBuilder) => {
      for (let at = 0; at < records.length; at += 96) builder.add(records.subarray(at, at + 96));
    },
  ].map((add) => {
    const builder = new MerkleTreeBuilder(STREAM, 1, 5);
    add(builder);
    return toHex(builder.finish().root);
  });
  expect(new Set(roots).size).toBe(1);
  expect(() => new MerkleTreeBuilder(STREAM, 1, 5).add(records.subarray(1))).toThrow("96 bytes");
});

test("random events give random roots", () => {
  const roots = new Set(
    Array.from({ length: 50 }, () => toHex(buildTree([{ hash: randomBytes(32), signature: randomBytes(64) }]).root)),
  );
  expect(roots.size).toBe(50);
});
