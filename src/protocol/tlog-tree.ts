/**
 * The Merkle tree over the whole log (RFC 6962 §2.1, SHA-256): hashes, roots and the two kinds of proof. The tree is a view
 * of its complete subtrees: a root or a proof asks for O(log n) of them, wherever they are kept. Not the tree of a
 * commitment, which pads and names its domains.
 */
import { assert } from "../base/assert.js";
import { HASH_BYTES } from "./hash.js";
import { digestColumn, sha256 } from "./sha256.js";

/** Where the hashes of complete subtrees come from. */
export interface TreeNodes {
  /** Hash (32 bytes) of the subtree over leaves `index * 2^height` to `(index + 1) * 2^height - 1`, all of them present. */
  node(height: number, index: number): Uint8Array;
}

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** Root of the tree without leaves: the hash of no bytes. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

const pair = new Uint8Array(1 + 2 * HASH_BYTES);
pair[0] = NODE_PREFIX;

/** Hash of a leaf with these bytes, 32 bytes. */
export function leafHash(record: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + record.length);
  message[0] = LEAF_PREFIX;
  message.set(record, 1);
  return sha256(message);
}

/** Writes the 32-byte hash of a leaf with these bytes into `out`, from byte `at` on, an even number. */
export function leafHashColumn(out: Uint8Array): (record: Uint8Array, at: number) => void {
  const digestInto = digestColumn(out);
  let message = new Uint8Array(0);
  return (record, at) => {
    if (message.length !== 1 + record.length) message = new Uint8Array(1 + record.length);
    message[0] = LEAF_PREFIX;
    message.set(record, 1);
    digestInto(message, at);
  };
}

/** Writes the root (32 bytes) of the complete subtree over `count` hashes, a power of two, over the first of them. */
export function foldColumn(hashes: Uint8Array): (count: number) => void {
  const digestInto = digestColumn(hashes);
  return (count) => {
    for (let width = count; width > 1; width /= 2) {
      for (let i = 0; i < width; i += 2) {
        const at = i * HASH_BYTES;
        pair.set(hashes.subarray(at, at + 2 * HASH_BYTES), 1);
        digestInto(pair, at / 2);
      }
    }
  };
}

/** Hash of the node over two hashes of 32 bytes, 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  return sha256(pair);
}

/** Root of the first `size` leaves. */
export function treeRoot(nodes: TreeNodes, size: number): Uint8Array {
  return size === 0 ? EMPTY_ROOT : rangeHash(nodes, 0, size);
}

/** Siblings from leaf `index` up to the root of the first `size` leaves (§2.1.1). `index` must be below `size`. */
export function inclusionProof(nodes: TreeNodes, index: number, size: number): Uint8Array[] {
  assert(index >= 0 && index < size, "the leaf is not in the tree");
  const proof: Uint8Array[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + splitSize(end - begin);
    if (index < middle) {
      proof.push(rangeHash(nodes, middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(nodes, begin, middle));
      begin = middle;
    }
  }
  return proof.reverse();
}

/** What shows that the first `from` leaves of the tree of `to` leaves are the tree of `from` (§2.1.2). Empty for 0 and for equals. */
export function consistencyProof(nodes: TreeNodes, from: number, to: number): Uint8Array[] {
  assert(from >= 0 && from <= to, "a tree is consistent with larger ones only");
  if (from === 0) return [];
  const proof: Uint8Array[] = [];
  let begin = 0;
  let end = to;
  while (end !== from) {
    const middle = begin + splitSize(end - begin);
    if (from <= middle) {
      proof.push(rangeHash(nodes, middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(nodes, begin, middle));
      begin = middle;
    }
  }
  // The verifier holds the old root itself; any other subtree it needs to be told.
  if (begin > 0) proof.push(rangeHash(nodes, begin, end));
  return proof.reverse();
}

/** Hash over leaves `begin` to `end - 1`, a range that RFC 6962's recursion meets: `begin` is a multiple of each split. */
function rangeHash(nodes: TreeNodes, begin: number, end: number): Uint8Array {
  const size = end - begin;
  const split = splitSize(size);
  if (split * 2 === size || size === 1) return nodes.node(Math.round(Math.log2(size)), begin / size);
  const middle = begin + split;
  return nodeHash(rangeHash(nodes, begin, middle), rangeHash(nodes, middle, end));
}

/** The largest power of two below `size`; 1 for sizes up to 2. */
function splitSize(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
