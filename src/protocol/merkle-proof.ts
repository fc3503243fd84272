/**
 * Inclusion proofs (spec §8), checked with nothing but a root: pure, browser-safe, no trust in whoever sent them. Unlike
 * the original this checks the path's length, the index and that the leaf is not padding.
 */
import { bytesEqual } from "../base/bytes.js";
import { HASH_BYTES, readHash } from "./hash.js";
import { LEAF_COUNT_MAX, type MerkleLeafFields, merkleLeaf, merkleNode, PAD_LEAF, treeDepth } from "./merkle.js";

/** A leaf's way to a root whose tree may be of any size. */
export interface MerklePath {
  /** 32 bytes. */
  readonly leafHash: Uint8Array;
  /** From 0: sequence number less the first of the range. */
  readonly leafIndex: number;
  /** Siblings, bottom first, 32 bytes each. */
  readonly path: readonly Uint8Array[];
  /** 32 bytes. */
  readonly merkleRoot: Uint8Array;
}

/** A path in a tree of known size: what a commitment makes of it. */
export interface MerkleProof extends MerklePath {
  readonly leafCount: number;
}

/** Longest path of a tree whose leaf count is a u32. */
export const PATH_LENGTH_MAX = 32;

/** True when the leaf is at that place of that tree. Every malformed proof is false, none throws. */
export function verifyMerkleInclusion(proof: MerkleProof): boolean {
  const { leafIndex, leafCount, path } = proof;
  if (!Number.isInteger(leafCount) || leafCount < 1 || leafCount > LEAF_COUNT_MAX) return false;
  return leafIndex < leafCount && path.length === treeDepth(leafCount) && verifyMerklePath(proof);
}

/**
 * The same where the tree's size is not known, so that only what the path itself bounds is checked. A caller who knows the
 * size asks `verifyMerkleInclusion`.
 */
export function verifyMerklePath({ leafHash, leafIndex, path, merkleRoot }: MerklePath): boolean {
  if (path.length > PATH_LENGTH_MAX) return false;
  if (!Number.isInteger(leafIndex) || leafIndex < 0 || leafIndex >= 2 ** path.length) return false;
  const isWhole = [leafHash, merkleRoot, ...path].every((hash) => hash.length === HASH_BYTES);
  if (!isWhole || bytesEqual(leafHash, PAD_LEAF)) return false;
  let node = leafHash;
  let index = leafIndex;
  for (const sibling of path) {
    node = index % 2 === 0 ? merkleNode(node, sibling) : merkleNode(sibling, node);
    index = Math.floor(index / 2);
  }
  return bytesEqual(node, merkleRoot);
}

/** For each sibling of the path, whether the node on the way up is the LEFT child. Derivable, so never trusted. */
export function pathDirections(leafIndex: number, depth: number): boolean[] {
  return Array.from({ length: depth }, (_, level) => Math.floor(leafIndex / 2 ** level) % 2 === 0);
}

/**
 * True when this very event is in the tree that covers `sequenceStart` to `sequenceEnd`: its leaf is recomputed, so a proof
 * of another event or of another number is refused.
 */
export function verifyEventInclusion(
  event: MerkleLeafFields,
  path: readonly Uint8Array[],
  commitment: { readonly sequenceStart: number; readonly sequenceEnd: number; readonly merkleRoot: Uint8Array },
): boolean {
  const { sequenceStart, sequenceEnd, merkleRoot } = commitment;
  if (event.eventSigningHash.length !== 32 || event.agentSignature.length !== 64) return false;
  if (!Number.isSafeInteger(event.sequenceNumber) || event.sequenceNumber < 1) return false;
  return verifyMerkleInclusion({
    leafHash: merkleLeaf(event),
    leafIndex: event.sequenceNumber - sequenceStart,
    leafCount: sequenceEnd - sequenceStart + 1,
    path,
    merkleRoot,
  });
}

/** A proof as `GET /api/v1/ves/proofs/…` shows it. Directions are not read: they follow from the index. Null when odd. */
export function readMerkleProof(
  json: Readonly<Record<string, unknown>>,
): (MerklePath & { readonly sequenceNumber: number }) | null {
  const { sequence_number: sequenceNumber, leaf_index: leafIndex, proof_path: items } = json;
  const leafHash = readHash(json.leaf_hash);
  const merkleRoot = readHash(json.merkle_root);
  if (leafHash === null || merkleRoot === null || !Array.isArray(items) || items.length > PATH_LENGTH_MAX) return null;
  if (!Number.isSafeInteger(sequenceNumber) || !Number.isSafeInteger(leafIndex)) return null;
  const path = items.map(readHash).filter((hash) => hash !== null);
  if (path.length !== items.length) return null;
  return { sequenceNumber: sequenceNumber as number, leafIndex: leafIndex as number, leafHash, merkleRoot, path };
}
