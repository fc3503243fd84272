/**
 * What must hold from one entry to the next: sequence numbers without a gap per stream and kind, versions that count an entity's
 * events, time that never runs back. Memory: 8 bytes per entity, and per stream 8 for each kind and 8 more.
 */
import { ENTRY_KINDS, type EntryKind } from "../protocol/entry-kind.js";
import type { Finding } from "./audit-fault.js";
import type { CheckedRange } from "./check-range.js";

export class OrderCheck {
  /** By kind, as stored. */
  readonly #heads = ENTRY_KINDS.map(() => new RefCounts());
  readonly #streams = new RefCounts();
  readonly #versions = new RefCounts();
  #lastMs = 0;
  #nextOffset = 0;
  #placedTo = 0;
  readonly #commands = ENTRY_KINDS.map(() => 0);

  /** Entries in order so far. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Entries below it are in the tables of places. */
  get placedTo(): number {
    return this.#placedTo;
  }

  /** Command ids of the kind so far. */
  commandsOf(kind: EntryKind): number {
    return this.#commands[ENTRY_KINDS.indexOf(kind)]!;
  }

  get streams(): number {
    return this.#streams.used;
  }

  get entities(): number {
    return this.#versions.used;
  }

  /** Last sequence number of a stream's events of the kind. */
  headOf(streamRef: number, kind: EntryKind): number {
    return this.#heads[ENTRY_KINDS.indexOf(kind)]!.get(streamRef);
  }

  /** Events of an entity. */
  versionOf(entityRef: number): number {
    return this.#versions.get(entityRef);
  }

  /** Takes the range that begins at `nextOffset`. Returns the first bad entry of it, its own finding included. */
  take(range: CheckedRange): Finding | null {
    const { kinds, streamRefs, sequenceNumbers, entityRefs, sequencedAtMs, baseVersions } = range;
    for (let at = 0; at < streamRefs.length; at++) {
      const message =
        this.#judgeNumber(kinds[at]!, streamRefs[at]!, sequenceNumbers[at]!) ??
        this.#judgeVersion(entityRefs[at]!, baseVersions[at]!) ??
        this.#judgeTime(sequencedAtMs[at]!);
      if (message !== null) return { offset: range.from + at, message };
    }
    this.#nextOffset = range.from + streamRefs.length;
    if (this.#placedTo === range.from) this.#placedTo = range.placedTo;
    range.commands.forEach((count, kind) => {
      this.#commands[kind]! += count;
    });
    return range.finding;
  }

  #judgeNumber(kind: number, streamRef: number, sequenceNumber: number): string | null {
    this.#streams.increment(streamRef);
    const expected = this.#heads[kind]!.increment(streamRef);
    return sequenceNumber === expected
      ? null
      : `its sequence number is ${sequenceNumber}, the stream's next is ${expected}`;
  }

  #judgeVersion(entityRef: number, baseVersion: number): string | null {
    const before = this.#versions.increment(entityRef) - 1;
    if (baseVersion < 0 || baseVersion === before) return null;
    return `it asks for entity version ${baseVersion}, the entity was at ${before}`;
  }

  #judgeTime(sequencedAtMs: number): string | null {
    if (sequencedAtMs < this.#lastMs) return `sequenced_at ${sequencedAtMs} is before the entry before it`;
    this.#lastMs = sequencedAtMs;
    return null;
  }
}

/** Counts by row reference. References are dense, given out from 1: an array, and a map for what a damaged row may name. */
class RefCounts {
  #dense = new Float64Array(1024);
  readonly #sparse = new Map<number, number>();
  #used = 0;

  get used(): number {
    return this.#used;
  }

  get(ref: number): number {
    return (this.#isDense(ref) ? this.#dense[ref] : this.#sparse.get(ref)) ?? 0;
  }

  increment(ref: number): number {
    const count = this.get(ref) + 1;
    if (count === 1) this.#used += 1;
    if (this.#isDense(ref)) this.#dense[ref] = count;
    else this.#sparse.set(ref, count);
    return count;
  }

  #isDense(ref: number): boolean {
    if (ref < this.#dense.length) return ref >= 0;
    if (ref >= this.#dense.length * 2) return false;
    const grown = new Float64Array(this.#dense.length * 2);
    grown.set(this.#dense);
    this.#dense = grown;
    return true;
  }
}
