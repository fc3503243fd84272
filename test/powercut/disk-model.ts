/**
 * A disk as POSIX promises it and no better, replayed record by record. A file's content and length are durable when a
 * flush of that file has returned that began after the change; a name is durable when a flush of its directory has.
 * Everything later may survive a power cut or not, in any combination: the model says what there is to choose from.
 *
 * Taken for granted: a sector of 512 bytes is written or not, a torn write leaves the bytes beside it alone (SQLite's
 * "powersafe overwrite"), a rename happens wholly or not at all.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { IoRecord } from "./recorder.js";

export interface ContentChange {
  readonly kind: "write" | "length";
  readonly sequence: number;
  /** Where it was written, or the length the file got. */
  readonly at: number;
  readonly bytes: Buffer;
}

export interface NameChange {
  readonly kind: "name";
  readonly sequence: number;
  /** Null = the name is gone. */
  readonly sets: readonly (readonly [path: string, node: DiskNode | null])[];
  /** Directories that were not flushed since. */
  readonly directories: Set<string>;
}

export interface DiskFile {
  readonly isDirectory: false;
  content: Buffer;
  pending: ContentChange[];
}

export interface DiskDirectory {
  readonly isDirectory: true;
}

export type DiskNode = DiskFile | DiskDirectory;

interface Flush {
  readonly sequence: number;
  /** A file, or the path of a directory. */
  readonly of: DiskFile | string;
}

const DIRECTORY: DiskDirectory = { isDirectory: true };
const NOTHING = Buffer.alloc(0);

export class DiskModel {
  /** Names that survive, parents before children not guaranteed. */
  readonly names = new Map<string, DiskNode>();
  pendingNames: NameChange[] = [];
  /** Names as the running processes see them. */
  readonly #seen = new Map<string, DiskNode>();
  readonly #files = new Map<number, DiskFile>();
  /** Flushes that have not returned, by thread: one file may be flushed by several at a time. */
  readonly #flushes = new Map<number, Flush>();

  /** `root` with what it holds now, all of it durable. */
  constructor(readonly root: string) {
    this.#load(root);
  }

  /** All files that have a name, or had one when something could still bring it back. */
  get files(): DiskFile[] {
    const found = new Set<DiskFile>();
    const note = (node: DiskNode | null): void => {
      if (node !== null && !node.isDirectory) found.add(node);
    };
    for (const node of this.names.values()) note(node);
    for (const { sets } of this.pendingNames) for (const [, node] of sets) note(node);
    return [...found];
  }

  apply(record: IoRecord, sequence: number): void {
    const { kind, file: number, at, bytes } = record;
    const path = kind === "W" ? "" : bytes.toString();
    if (kind === "W") this.#file(number).pending.push({ kind: "write", sequence, at, bytes });
    else if (kind === "T") this.#file(number).pending.push({ kind: "length", sequence, at, bytes: NOTHING });
    else if (kind === "C") this.#create(path, number, sequence);
    else if (kind === "D") this.#rename([[path, DIRECTORY]], sequence);
    else if (kind === "U") this.#rename([[path, null]], sequence);
    else if (kind === "R" || kind === "L") this.#move(path, kind === "R", sequence);
    else if (kind === "S") this.#beginFlush(path, number, at, sequence);
    else if (kind === "E") this.#endFlush(at);
  }

  #load(folder: string): void {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const facts = statSync(path);
      const node: DiskNode = facts.isDirectory() ? DIRECTORY : newFile(readFileSync(path));
      this.names.set(path, node);
      this.#seen.set(path, node);
      if (node.isDirectory) this.#load(path);
      else this.#files.set(facts.ino, node);
    }
  }

  #file(number: number): DiskFile {
    const file = this.#files.get(number);
    if (file === undefined) throw new Error(`the recording has a write to a file it never saw: ${number}`);
    return file;
  }

  #create(path: string, number: number, sequence: number): void {
    const known = this.#seen.get(path);
    if (known !== undefined && known === this.#files.get(number)) return;
    // A number is given again after its file is gone.
    const file = newFile(NOTHING);
    this.#files.set(number, file);
    this.#rename([[path, file]], sequence);
  }

  #move(both: string, isRename: boolean, sequence: number): void {
    const [from, to] = both.split("\0") as [string, string];
    const node = this.#seen.get(from);
    if (node === undefined) throw new Error(`the recording moves a file it never saw: ${from}`);
    this.#rename(
      isRename
        ? [
            [from, null],
            [to, node],
          ]
        : [[to, node]],
      sequence,
    );
  }

  #rename(sets: NameChange["sets"], sequence: number): void {
    for (const [path, node] of sets) {
      if (node === null) this.#seen.delete(path);
      else this.#seen.set(path, node);
    }
    const directories = new Set(sets.map(([path]) => dirname(path)));
    this.pendingNames.push({ kind: "name", sequence, sets, directories });
  }

  /** What the thread began before and did not end failed, or its process was killed. */
  #beginFlush(path: string, number: number, thread: number, sequence: number): void {
    const isDirectory = path === this.root || this.#seen.get(path)?.isDirectory === true;
    this.#flushes.set(thread, { sequence, of: isDirectory ? path : this.#file(number) });
  }

  #endFlush(thread: number): void {
    const { sequence: began, of } = this.#flushes.get(thread)!;
    if (typeof of === "string") {
      this.#flushNames(of, began);
      return;
    }
    of.content = applyChanges(
      of.content,
      of.pending.filter((change) => change.sequence < began),
    );
    of.pending = of.pending.filter((change) => change.sequence > began);
  }

  #flushNames(directory: string, began: number): void {
    for (const { sequence, directories } of this.pendingNames) if (sequence < began) directories.delete(directory);
    const durable = this.pendingNames.filter(({ directories }) => directories.size === 0);
    this.pendingNames = this.pendingNames.filter(({ directories }) => directories.size > 0);
    setNames(this.names, durable);
  }
}

export function setNames(names: Map<string, DiskNode>, changes: readonly NameChange[]): void {
  for (const { sets } of changes) {
    for (const [path, node] of sets) {
      if (node === null) names.delete(path);
      else names.set(path, node);
    }
  }
}

/** The content after the changes, in order; a gap reads as zeros. */
export function applyChanges(content: Buffer, changes: readonly ContentChange[]): Buffer {
  if (changes.length === 0) return content;
  let length = content.length;
  const room = Math.max(length, ...changes.map(({ at, bytes }) => at + bytes.length));
  const result = Buffer.alloc(room);
  content.copy(result);
  for (const { kind, at, bytes } of changes) {
    if (kind === "length") {
      result.fill(0, Math.min(at, length));
      length = at;
    } else {
      bytes.copy(result, at);
      length = Math.max(length, at + bytes.length);
    }
  }
  return result.subarray(0, length);
}

function newFile(content: Buffer): DiskFile {
  return { isDirectory: false, content, pending: [] };
}
