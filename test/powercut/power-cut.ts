/** One state that a power cut may leave: which of the changes that were not flushed have made it to the disk. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import {
  applyChanges,
  type ContentChange,
  type DiskFile,
  type DiskModel,
  type NameChange,
  setNames,
} from "./disk-model.js";

const SECTOR_BYTES = 512;

/** What is kept of the changes that were not flushed. */
export type Cut =
  /** All of it: the disk was quick. */
  | "everything"
  /** None: the disk was slow. */
  | "nothing"
  /** What was changed before some instant, the last write torn between two sectors. */
  | "in order"
  /** The same, at an instant of its own for each file. */
  | "in order per file"
  /** Any writes, whatever their order. */
  | "any writes"
  /** Any sectors of any writes. */
  | "any sectors"
  /** All of one file and nothing of the others. */
  | "one file";

export const CUTS: readonly Cut[] = [
  "everything",
  "nothing",
  "in order",
  "in order per file",
  "any writes",
  "any sectors",
  "one file",
];

/** Writes the state into `target`, which is made anew. `random` decides what the cut leaves open. */
export function cutPower(disk: DiskModel, cut: Cut, random: () => number, target: string): void {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const keeper = new Keeper(disk, cut, random);
  const names = new Map(disk.names);
  setNames(
    names,
    disk.pendingNames.filter((change) => keeper.keepsName(change)),
  );
  for (const [path, node] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!isReachable(path, disk.root, names)) continue;
    const place = join(target, relative(disk.root, path));
    if (node.isDirectory) mkdirSync(place);
    else writeFileSync(place, keeper.contentOf(node));
    // What is left of the shared index after a cut is anything at all, and never read.
    if (place.endsWith("-wal") && random() < 0.2) writeFileSync(`${place.slice(0, -4)}-shm`, garbage(random));
  }
}

class Keeper {
  readonly #share: number;
  readonly #until: number;
  readonly #only: DiskFile | undefined;
  /** Lengths are written apart from content: a file may be as long as it was going to be, with zeros in it. */
  readonly #keepsLengths: boolean;

  constructor(
    disk: DiskModel,
    readonly cut: Cut,
    readonly random: () => number,
  ) {
    const files = disk.files;
    const sequences = [...disk.pendingNames, ...files.flatMap(({ pending }) => pending)].map((one) => one.sequence);
    this.#share = pick([0.1, 0.5, 0.9], random);
    this.#until = cut === "in order" && sequences.length > 0 ? pick(sequences, random) : Number.POSITIVE_INFINITY;
    const changed = files.filter(({ pending }) => pending.length > 0);
    this.#only = changed.length > 0 ? pick(changed, random) : undefined;
    this.#keepsLengths = random() < 0.5;
  }

  keepsName(change: NameChange): boolean {
    if (this.cut === "everything") return true;
    if (this.cut === "nothing") return false;
    if (this.cut === "in order") return change.sequence < this.#until;
    return this.random() < this.#share;
  }

  contentOf(file: DiskFile): Buffer {
    const { pending } = file;
    if (pending.length === 0) return file.content;
    const kept = applyChanges(file.content, this.#kept(file));
    if (!this.#keepsLengths || this.cut === "nothing" || this.cut === "everything") return kept;
    const length = applyChanges(file.content, pending).length;
    return length > kept.length ? Buffer.concat([kept], length) : kept;
  }

  #kept(file: DiskFile): ContentChange[] {
    const { cut, random } = this;
    const { pending } = file;
    if (cut === "nothing") return [];
    if (cut === "everything") return pending;
    if (cut === "one file") return file === this.#only ? pending : [];
    if (cut === "any writes") return pending.filter(() => random() < this.#share);
    if (cut === "any sectors") return pending.flatMap((change) => this.#sectors(change));
    const until = cut === "in order" ? this.#until : pick(pending, random).sequence;
    return pending.flatMap((change) => {
      if (change.sequence < until) return [change];
      return change.sequence === until ? this.#torn(change) : [];
    });
  }

  #sectors(change: ContentChange): ContentChange[] {
    if (change.kind === "length") return this.random() < this.#share ? [change] : [];
    return sectorsOf(change).filter(() => this.random() < this.#share);
  }

  #torn(change: ContentChange): ContentChange[] {
    if (change.kind === "length") return [change];
    const sectors = sectorsOf(change);
    return sectors.slice(0, Math.floor(this.random() * (sectors.length + 1)));
  }
}

/** A write as the disk sees it: cut at the borders of sectors. */
function sectorsOf(change: ContentChange): ContentChange[] {
  const parts: ContentChange[] = [];
  const end = change.at + change.bytes.length;
  for (let at = change.at; at < end; ) {
    const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    parts.push({ ...change, at, bytes: change.bytes.subarray(at - change.at, next - change.at) });
    at = next;
  }
  return parts;
}

/** A file whose directory did not make it is gone with it. */
function isReachable(
  path: string,
  root: string,
  names: ReadonlyMap<string, { readonly isDirectory: boolean }>,
): boolean {
  const parent = dirname(path);
  if (parent === root) return true;
  return names.get(parent)?.isDirectory === true && isReachable(parent, root, names);
}

function garbage(random: () => number): Buffer {
  return Buffer.from(Array.from({ length: 32_768 }, () => Math.floor(random() * 256)));
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)]!;
}
