/**
 * Batch Merkle openings (section 3.5): verification over digests that lie in kernel memory, and construction from a full
 * tree. Both index slots by position in the CURRENT level's list, exactly as the wire format does. Verification plans
 * first, so that an opening of the wrong form costs no hash.
 */
import type { Kernels, Pointer } from "../kernels.js";
import type { Opening } from "./proof-parser.js";

/** One level of merges in kernel memory: `nodes[i]` comes of what `children[2i]` and `children[2i + 1]` point at. */
export interface MergeLevel {
  readonly nodes: Pointer;
  /** Two u32 addresses per node. */
  readonly children: Pointer;
  readonly count: number;
}

/**
 * The merges from `leaves[k]` (32 bytes each) at `positions[k]` up to one root, or null if the slots do not hold exactly
 * the digests that are missing: every digest of every slot must be used (section 11.3 item 6). Hashes nothing. Positions
 * are distinct and below 2^depth, in any order. Slot offsets count from `proof`.
 */
export function planOpening(
  kernels: Kernels,
  positions: readonly number[],
  leaves: Pointer,
  opening: Opening,
  proof: Pointer,
): MergeLevel[] | null {
  const leafAt = new Map(positions.map((position, k) => [position, leaves + 32 * k]));
  const pairs = [...new Set(positions.map((position) => position & ~1))].sort((a, b) => a - b);
  const slots = opening.slotCount.length;
  if (pairs.length !== slots) return null;
  const used = new Array<number>(slots).fill(0);
  const take = (slot: number): Pointer | null => {
    if (used[slot]! >= opening.slotCount[slot]!) return null;
    return proof + opening.slotAt[slot]! + 32 * used[slot]!++;
  };
  const children: Pointer[] = [];
  for (const [slot, position] of pairs.entries()) {
    const left = leafAt.get(position) ?? take(slot);
    const right = leafAt.get(position + 1) ?? take(slot);
    if (left === null || right === null) return null;
    children.push(left, right);
  }
  const levels = [mergeLevel(kernels, children)];
  let indices = pairs.map((position) => position >> 1);
  for (let height = 1; height < opening.depth; height++) {
    const above = climb(indices, levels.at(-1)!.nodes, take);
    if (above === null) return null;
    levels.push(mergeLevel(kernels, above.children));
    indices = above.parents;
  }
  return used.every((count, slot) => count === opening.slotCount[slot]) ? levels : null;
}

/** One level up: the parents' indices, and their children, left and right in turn. `nodes` are in the order of `indices`. */
function climb(
  indices: readonly number[],
  nodes: Pointer,
  take: (slot: number) => Pointer | null,
): { parents: number[]; children: Pointer[] } | null {
  const parents: number[] = [];
  const children: Pointer[] = [];
  for (let k = 0; k < indices.length; k++) {
    const index = indices[k]!;
    const own = nodes + 32 * k;
    parents.push(index >> 1);
    if (indices[k + 1] === (index ^ 1)) {
      children.push(own, own + 32);
      k++;
      continue;
    }
    const sibling = take(k);
    if (sibling === null) return null;
    if ((index & 1) === 0) children.push(own, sibling);
    else children.push(sibling, own);
  }
  return { parents, children };
}

/** A level over these children, with room for its nodes. */
export function mergeLevel(kernels: Kernels, children: readonly Pointer[]): MergeLevel {
  const count = children.length / 2;
  return { nodes: kernels.alloc(32 * count), children: kernels.putWords(children), count };
}

/** Computes all nodes and returns where those of the last level are. */
export function runMerges(kernels: Kernels, levels: readonly MergeLevel[]): Pointer {
  for (const { nodes, children, count } of levels) kernels.call.mergePairs(nodes, children, count);
  return levels.at(-1)!.nodes;
}

/** A full tree: `levels[0]` points at 2^depth leaves, `levels[depth]` at the root. */
export interface DigestTree {
  readonly depth: number;
  readonly levels: readonly Pointer[];
}

/** Builds the tree over 2^depth digests at `leaves`. */
export function buildTree(kernels: Kernels, leaves: Pointer, depth: number): DigestTree {
  const levels = [leaves];
  for (let height = 1; height <= depth; height++) {
    const count = 2 ** (depth - height);
    const parents = kernels.alloc(32 * count);
    kernels.call.hashRows(parents, levels[height - 1]!, 64, count);
    levels.push(parents);
  }
  return { depth, levels };
}

export function digestTreeRoot(tree: DigestTree): Pointer {
  return tree.levels[tree.depth]!;
}

/** Addresses of the digests of each slot for these positions (section 9, opening proof construction). */
export function openTree(tree: DigestTree, positions: readonly number[]): Pointer[][] {
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
