/**
 * Verification of what `tlog-tree.ts` builds, for whoever trusts a checkpoint and nothing else (RFC 9162 §2.1.3.2 and
 * §2.1.4.2, whose hashes are those of RFC 6962). Total: any input gives true or false. Bound: a proof has at most as many
 * hashes as the tree has levels, anything longer is refused before it is hashed to its end.
 */
import { bytesEqual } from "../base/bytes.js";
import { HASH_BYTES } from "./hash.js";
import { EMPTY_ROOT, nodeHash } from "./tlog-tree.js";

/** A tree head: what a checkpoint says. */
export interface TreeHead {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** True when the leaf with this hash is leaf `index` of the tree. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  proof: readonly Uint8Array[],
  { size, root }: TreeHead,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (!isHash(leaf) || !proof.every(isHash)) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else hash = nodeHash(hash, sibling);
    node = half(node);
    last = half(last);
  }
  return last === 0 && bytesEqual(hash, root);
}

/** True when the tree `from` is what the tree `to` began with. */
export function verifyConsistency(from: TreeHead, to: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (!isCount(from.size) || !isCount(to.size) || from.size > to.size) return false;
  if (!isHash(from.root) || !isHash(to.root) || !proof.every(isHash)) return false;
  if (from.size === 0 && !bytesEqual(from.root, EMPTY_ROOT)) return false;
  if (from.size === to.size) return proof.length === 0 && bytesEqual(from.root, to.root);
  if (from.size === 0) return proof.length === 0;
  const path = isPowerOfTwo(from.size) ? [from.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let node = from.size - 1;
  let last = to.size - 1;
  while (node % 2 === 1) {
    node = half(node);
    last = half(last);
  }
  let oldRoot = first;
  let newRoot = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldRoot = nodeHash(sibling, oldRoot);
      newRoot = nodeHash(sibling, newRoot);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else newRoot = nodeHash(newRoot, sibling);
    node = half(node);
    last = half(last);
  }
  return last === 0 && bytesEqual(oldRoot, from.root) && bytesEqual(newRoot, to.root);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isHash(value: Uint8Array): boolean {
  return value.length === HASH_BYTES;
}

/** Shifts of 32-bit integers do not reach 2^53. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  let power = 1;
  while (power < value) power *= 2;
  return power === value;
}
