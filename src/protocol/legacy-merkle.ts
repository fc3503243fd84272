/**
 * The tree of legacy commitments (spec §9.4, §11.5): leaves with a domain, plain SHA-256 nodes, a last node without sibling
 * carried up as it is. Pure and browser-safe. A leaf's preimage is longer than a node's, so neither passes for the other.
 */
import { assert } from "../base/assert.js";
import { bytesEqual } from "../base/bytes.js";
import type { StreamName } from "../base/ids.js";
import { ByteWriter } from "./byte-writer.js";
import { assertLeafIndex, CommitmentTree, treeBytes } from "./commitment-tree.js";
import { DOMAIN_LEGACY_LEAF } from "./domains.js";
import { HASH_BYTES } from "./hash.js";
import { LEAF_COUNT_MAX } from "./merkle.js";
import { PATH_LENGTH_MAX } from "./merkle-proof.js";
import { sha256 } from "./sha256.js";

export interface LegacyLeafFields extends StreamName {
  readonly sequenceNumber: number;
  /** 32 bytes. */
  readonly payloadHash: Uint8Array;
  readonly entityType: string;
  readonly entityId: string;
}

const writer = new ByteWriter(1024);

/** The leaf of one legacy event, 32 bytes. */
export function legacyLeaf(fields: LegacyLeafFields): Uint8Array {
  writer.reset().ascii(DOMAIN_LEGACY_LEAF).uuid(fields.tenantId).uuid(fields.storeId).u64(fields.sequenceNumber);
  writer.bytes(fields.payloadHash).str(fields.entityType).str(fields.entityId);
  return sha256(writer.view());
}

/** The inner node over two children, 32 bytes. */
export function legacyNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === HASH_BYTES && right.length === HASH_BYTES, "a node has two children of 32 bytes");
  return sha256(writer.reset().bytes(left).bytes(right).view());
}

/** A whole tree: a path holds the siblings that there are. */
export class LegacyTree extends CommitmentTree {
  override path(index: number): Uint8Array[] {
    return siblings(index, this.leafCount).map(({ level, at }) => this.node(level, at)!);
  }

  override directions(index: number): boolean[] {
    return siblings(index, this.leafCount).map(({ at }) => at % 2 === 1);
  }
}

/** Builds the tree over leaves in their order, at least one. */
export function buildLegacyTree(leaves: readonly Uint8Array[]): LegacyTree {
  const nodes = new Uint8Array(treeBytes(leaves.length));
  for (const [index, leaf] of leaves.entries()) nodes.set(leaf, index * HASH_BYTES);
  let from = 0;
  for (let count = leaves.length; count > 1; count = Math.ceil(count / 2)) {
    const to = from + count * HASH_BYTES;
    for (let i = 0; i < count; i += 2) {
      const at = from + i * HASH_BYTES;
      const left = nodes.subarray(at, at + HASH_BYTES);
      const parent = i + 1 < count ? legacyNode(left, nodes.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES)) : left;
      nodes.set(parent, to + (i / 2) * HASH_BYTES);
    }
    from = to;
  }
  return new LegacyTree(leaves.length, nodes);
}

/** Where the siblings of a leaf's way up stand: none where its node is the last of a level and has no partner. */
function siblings(index: number, leafCount: number): { readonly level: number; readonly at: number }[] {
  assertLeafIndex(index, leafCount);
  const found: { level: number; at: number }[] = [];
  let at = index;
  for (let count = leafCount, level = 0; count > 1; count = Math.ceil(count / 2), level++) {
    const sibling = at % 2 === 0 ? at + 1 : at - 1;
    if (sibling < count) found.push({ level, at: sibling });
    at = Math.floor(at / 2);
  }
  return found;
}

export interface LegacyPath {
  /** 32 bytes. */
  readonly leafHash: Uint8Array;
  /** From 0: sequence number less the first of the range. */
  readonly leafIndex: number;
  /** Siblings, bottom first, 32 bytes each. */
  readonly path: readonly Uint8Array[];
  /** 32 bytes. */
  readonly eventsRoot: Uint8Array;
}

/** True when the leaf is at that place of a tree of `leafCount` leaves. Every malformed proof is false, none throws. */
export function verifyLegacyInclusion(proof: LegacyPath & { readonly leafCount: number }): boolean {
  const { leafIndex, leafCount, path } = proof;
  if (!Number.isInteger(leafCount) || leafCount < 1 || leafCount > LEAF_COUNT_MAX) return false;
  if (!Number.isInteger(leafIndex) || leafIndex < 0 || leafIndex >= leafCount) return false;
  return path.length === siblings(leafIndex, leafCount).length && verifyLegacyPath(proof);
}

/**
 * The same where the tree's size is not known. Index and length of the path leave one way only: from the first level at
 * which the node is the last one without partner, it is the last one on every level above, and only left siblings follow.
 */
export function verifyLegacyPath({ leafHash, leafIndex, path, eventsRoot }: LegacyPath): boolean {
  if (path.length > PATH_LENGTH_MAX) return false;
  if (!Number.isInteger(leafIndex) || leafIndex < 0 || leafIndex > LEAF_COUNT_MAX) return false;
  if (![leafHash, eventsRoot, ...path].every((hash) => hash.length === HASH_BYTES)) return false;
  let node = leafHash;
  let index = leafIndex;
  for (const [at, sibling] of path.entries()) {
    // As many siblings left as left ones above: from here on the node has no partner to its right.
    if (oneBits(index) === path.length - at) while (index % 2 === 0) index = Math.floor(index / 2);
    node = index % 2 === 0 ? legacyNode(node, sibling) : legacyNode(sibling, node);
    index = Math.floor(index / 2);
  }
  return index === 0 && bytesEqual(node, eventsRoot);
}

function oneBits(value: number): number {
  return value.toString(2).replaceAll("0", "").length;
}
