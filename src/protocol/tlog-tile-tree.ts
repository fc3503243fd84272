/**
 * The growing tree as tiles. In memory: the rightmost tile of each level, and what is not saved yet; everything else is
 * asked of whoever keeps it. Appending n leaves costs about n hashes and never looks back; starting from a saved tree reads
 * one tile per level.
 */
import { assert } from "../base/assert.js";
import { HASH_BYTES } from "./hash.js";
import { hashesOnLevel, TILE_HEIGHT, TILE_LEVELS, TILE_WIDTH } from "./tlog-tile.js";
import { foldColumn, type TreeNodes, treeRoot } from "./tlog-tree.js";

/** Hashes of a saved tile, null where there is none. A partial tile is the beginning of what it grows into. */
export type SavedTile = (level: number, index: number) => Uint8Array | null;

export interface GrownTile {
  readonly level: number;
  readonly index: number;
  /** 1 to 256 hashes of 32 bytes, a copy. */
  readonly hashes: Uint8Array;
}

/** The rightmost tile of a level: `width` of its hashes are there, 0 to 255. */
interface Edge {
  index: number;
  width: number;
  readonly hashes: Uint8Array;
}

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

export class TileTree implements TreeNodes {
  readonly #saved: SavedTile;
  readonly #edges: Edge[];
  /** Full tiles not saved yet, by name. */
  readonly #full = new Map<string, GrownTile>();
  readonly #scratch = new Uint8Array(TILE_BYTES);
  readonly #foldScratch = foldColumn(this.#scratch);
  #size: number;

  /** A tree of `size` leaves whose tiles `saved` has. */
  constructor(size: number, saved: SavedTile) {
    this.#size = size;
    this.#saved = saved;
    this.#edges = Array.from({ length: TILE_LEVELS }, (_, level) => {
      const count = hashesOnLevel(level, size);
      const edge: Edge = {
        index: Math.floor(count / TILE_WIDTH),
        width: count % TILE_WIDTH,
        hashes: new Uint8Array(TILE_BYTES),
      };
      if (edge.width > 0) edge.hashes.set(this.#savedHashes(level, edge.index, edge.width));
      return edge;
    });
  }

  get size(): number {
    return this.#size;
  }

  root(): Uint8Array {
    return treeRoot(this, this.#size);
  }

  append(leaf: Uint8Array): void {
    let hash = leaf;
    for (let level = 0; level < TILE_LEVELS; level++) {
      const edge = this.#edges[level]!;
      edge.hashes.set(hash, edge.width * HASH_BYTES);
      edge.width += 1;
      if (edge.width < TILE_WIDTH) break;
      const hashes = edge.hashes.slice();
      this.#full.set(tileName(level, edge.index), { level, index: edge.index, hashes });
      hash = this.#fold(hashes, 0, TILE_WIDTH);
      edge.index += 1;
      edge.width = 0;
    }
    this.#size += 1;
  }

  node(height: number, index: number): Uint8Array {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tile = Math.floor(first / TILE_WIDTH);
    const position = first % TILE_WIDTH;
    return this.#fold(this.#hashes(level, tile, position + count), position, count);
  }

  /** The first `width` hashes of a tile, a copy; null when the tree does not have them. */
  tile(level: number, index: number, width: number): Uint8Array | null {
    if (index * TILE_WIDTH + width > hashesOnLevel(level, this.#size)) return null;
    return this.#hashes(level, index, width).slice(0, width * HASH_BYTES);
  }

  /** Every tile that grew since the last `markSaved`, and the partial ones. */
  grown(): GrownTile[] {
    const tiles = [...this.#full.values()];
    this.#edges.forEach(({ index, width, hashes }, level) => {
      if (width > 0) tiles.push({ level, index, hashes: hashes.slice(0, width * HASH_BYTES) });
    });
    return tiles;
  }

  /** What `grown` gave is saved: full tiles need no longer be kept. */
  markSaved(): void {
    this.#full.clear();
  }

  /** At least the first `width` hashes of a tile of this tree; not to be changed. */
  #hashes(level: number, index: number, width: number): Uint8Array {
    const edge = this.#edges[level];
    assert(edge !== undefined && index <= edge.index, "the tile is not in the tree");
    if (index < edge.index) {
      return this.#full.get(tileName(level, index))?.hashes ?? this.#savedHashes(level, index, TILE_WIDTH);
    }
    assert(width <= edge.width, "the tile has not grown that far");
    return edge.hashes;
  }

  #savedHashes(level: number, index: number, width: number): Uint8Array {
    const hashes = this.#saved(level, index);
    assert(hashes !== null && hashes.length >= width * HASH_BYTES, `tile ${level}/${index} is not saved as it must be`);
    return hashes.subarray(0, width * HASH_BYTES);
  }

  /** Root of the complete subtree over `count` (a power of two) hashes from `position` on. A copy. */
  #fold(hashes: Uint8Array, position: number, count: number): Uint8Array {
    const begin = position * HASH_BYTES;
    if (count === 1) return hashes.slice(begin, begin + HASH_BYTES);
    const scratch = this.#scratch;
    scratch.set(hashes.subarray(begin, begin + count * HASH_BYTES));
    this.#foldScratch(count);
    return scratch.slice(0, HASH_BYTES);
  }
}

function tileName(level: number, index: number): string {
  return `${level}/${index}`;
}
