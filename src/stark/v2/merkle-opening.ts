/**
 * Batch Merkle openings (section 3.5): verification over digests that lie in kernel memory, and construction from a full
 * tree. Both index slots by position in the CURRENT level's list, exactly as the wire format does.
 */
import type { Kernels, Pointer } from "../kernels.js";
import type { Opening } from "./proof-parser.js";

/**
 * True if `leaves[k]` (32 bytes each) stand at `positions[k]` under `root`. Positions are distinct and below 2^depth, in
 * any order. Slot offsets count from `proof`. Every digest of every slot must be used (section 11.3 item 6).
 */
export function verifyOpening(
  kernels: Kernels,
  root: Pointer,
  positions: readonly number[],
  leaves: Pointer,
  opening: Opening,
  proof: Pointer,
): boolean {
  const leafAt = new Map(positions.map((position, k) => [position, leaves + 32 * k]));
  const pairs = [...new Set(positions.map((position) => position & ~1))].sort((a, b) => a - b);
  const slots = opening.slotCount.length;
  if (pairs.length !== slots) return false;
  const used = new Array<number>(slots).fill(0);
  const nodes = kernels.alloc(32 * slots);
  const take = (slot: number): Pointer | null => {
    if (used[slot]! >= opening.slotCount[slot]!) return null;
    return proof + opening.slotAt[slot]! + 32 * used[slot]!++;
  };
  let level: number[] = [];
  for (const [slot, position] of pairs.entries()) {
    const left = leafAt.get(position) ?? take(slot);
    const right = leafAt.get(position + 1) ?? take(slot);
    if (left === null || right === null) return false;
    kernels.call.merge(nodes + 32 * slot, left, right);
    level.push(position >> 1);
  }
  for (let height = 1; height < opening.depth; height++) {
    const next = climb(kernels, level, nodes, take);
    if (next === null) return false;
    level = next;
  }
  return used.every((count, slot) => count === opening.slotCount[slot]) && kernels.digestsEqual(nodes, root);
}

/** One level up, in place: parent k is written at or before its children. */
function climb(
  kernels: Kernels,
  level: readonly number[],
  nodes: Pointer,
  take: (slot: number) => Pointer | null,
): number[] | null {
  const next: number[] = [];
  for (let k = 0; k < level.length; k++) {
    const index = level[k]!;
    const parent = nodes + 32 * next.length;
    const own = nodes + 32 * k;
    if (level[k + 1] === (index ^ 1)) {
      kernels.call.merge(parent, own, own + 32);
      k++;
    } else {
      const sibling = take(k);
      if (sibling === null) return null;
      if ((index & 1) === 0) kernels.call.merge(parent, own, sibling);
      else kernels.call.merge(parent, sibling, own);
    }
    next.push(index >> 1);
  }
  return next;
}

/** A full tree: `levels[0]` points at 2^depth leaves, `levels[depth]` at the root. */
export interface MerkleTree {
  readonly depth: number;
  readonly levels: readonly Pointer[];
}

/** Builds the tree over 2^depth digests at `leaves`. */
export function buildTree(kernels: Kernels, leaves: Pointer, depth: number): MerkleTree {
  const levels = [leaves];
  for (let height = 1; height <= depth; height++) {
    const count = 2 ** (depth - height);
    const parents = kernels.alloc(32 * count);
    kernels.call.hashRows(parents, levels[height - 1]!, 64, count);
    levels.push(parents);
  }
  return { depth, levels };
}

export function treeRoot(tree: MerkleTree): Pointer {
  return tree.levels[tree.depth]!;
}

/** Addresses of the digests of each slot for these positions (section 9, opening proof construction). */
export function openTree(tree: MerkleTree, positions: readonly number[]): Pointer[][] {
  const queried = new Set(positions);
  const pairs = [...new Set(positions.map((position) => position & ~1))].sort((a, b) => a - b);
  const leaf = (position: number): Pointer => tree.levels[0]! + 32 * position;
  const slots = pairs.map((position) =>
    [position, position + 1].filter((candidate) => !queried.has(candidate)).map(leaf),
  );
  let level = pairs.map((position) => position >> 1);
  for (let height = 1; height < tree.depth; height++) {
    const next: number[] = [];
    for (let k = 0; k < level.length; k++) {
      const index = level[k]!;
      const slot = k;
      if (level[k + 1] === (index ^ 1)) k++;
      else slots[slot]!.push(tree.levels[height]! + 32 * (index ^ 1));
      next.push(index >> 1);
    }
    level = next;
  }
  return slots;
}
