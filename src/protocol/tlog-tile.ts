/**
 * Tiles (C2SP tlog-tiles): the tree cut into blocks of 256 hashes, level by level, each hash of a level being the root of
 * one full tile below. Names and geometry; reading a name is total, and each tile has exactly one.
 */
import { assert } from "../base/assert.js";

export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;

/** Levels a tree of 2^53 leaves has tiles on. */
export const TILE_LEVELS = 7;

/** The leaves themselves, in place of a level of hashes. */
export const ENTRIES = "entries";

export interface Tile {
  readonly level: number | typeof ENTRIES;
  readonly index: number;
  /** Hashes wanted from its start: 1 to 256; fewer than 256 only while or because the tree had no more. */
  readonly width: number;
}

const LEVEL = /^(?:0|[1-9]|[1-5][0-9]|6[0-3])$/;
const PARTIAL = /^(?:[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$/;

/** Hashes on a level of the tree of `size` leaves. */
export function hashesOnLevel(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** `0/x001/x234/067` or `entries/007.p/12`: what follows `tile/` in its URL. */
export function encodeTilePath({ level, index, width }: Tile): string {
  assert(Number.isSafeInteger(index) && index >= 0 && width >= 1 && width <= TILE_WIDTH, "no such tile");
  let elements = element(index % 1000);
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    elements = `x${element(rest % 1000)}/${elements}`;
  }
  return `${level}/${elements}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** Null for every text `encodeTilePath` would not give. */
export function decodeTilePath(path: string): Tile | null {
  const [name, partial, ...more] = path.split(".p/");
  if (more.length > 0 || (partial !== undefined && !PARTIAL.test(partial))) return null;
  const [levelText, ...elements] = name!.split("/");
  if (levelText !== ENTRIES && !LEVEL.test(levelText!)) return null;
  const last = elements.pop();
  if (last === undefined || !/^[0-9]{3}$/.test(last) || !elements.every((text) => /^x[0-9]{3}$/.test(text)))
    return null;
  if (elements[0] === "x000") return null;
  let index = 0;
  for (const text of elements) index = index * 1000 + Number(text.slice(1));
  index = index * 1000 + Number(last);
  if (!Number.isSafeInteger(index)) return null;
  const level = levelText === ENTRIES ? ENTRIES : Number(levelText);
  return { level, index, width: partial === undefined ? TILE_WIDTH : Number(partial) };
}

function element(value: number): string {
  return String(value).padStart(3, "0");
}
