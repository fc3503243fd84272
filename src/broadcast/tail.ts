/**
 * The log's most recent entries in memory, encoded, shared by all subscribers. Invariant: the entries are contiguous and
 * end at `nextOffset`, which only moves forward. Bound: `bytesMax` of frames; older entries are read from the store.
 */
import { assert } from "../base/assert.js";
import type { LogEntry, Page } from "../store/contract.js";
import type { EntryMatcher } from "../store/entry-filter.js";

export interface TailOptions {
  /** Frame bytes kept. */
  readonly bytesMax: number;
  /** Frame bytes after which a page ends; the entry that crosses it is still in. */
  readonly pageBytesMax: number;
}

export class Tail {
  readonly #options: TailOptions;
  /** `#entries[i]` for i >= `#dropped`; the dropped front is cut off now and then, not entry by entry. */
  #entries: LogEntry[] = [];
  #dropped = 0;
  #bytes = 0;
  #nextOffset: number;

  constructor(nextOffset: number, options: TailOptions) {
    this.#nextOffset = nextOffset;
    this.#options = options;
  }

  /** Where the durable log ends, as far as this process knows. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  get firstOffset(): number {
    return this.#nextOffset - (this.#entries.length - this.#dropped);
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(page: Page): void {
    for (const entry of page.entries) {
      assert(entry.offset === this.#nextOffset, `entry ${entry.offset} does not follow ${this.#nextOffset}`);
      this.#entries.push(entry);
      this.#bytes += entry.frame.length;
      this.#nextOffset += 1;
    }
    while (this.#bytes > this.#options.bytesMax && this.#dropped < this.#entries.length) {
      this.#bytes -= this.#entries[this.#dropped]!.frame.length;
      this.#dropped += 1;
    }
    if (this.#dropped * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  /** Matching entries from `fromOffset` on, at most `entriesMax`; null when the tail does not reach back that far. */
  page(fromOffset: number, matches: EntryMatcher, entriesMax: number): Page | null {
    if (fromOffset < this.firstOffset) return null;
    const entries: LogEntry[] = [];
    let nextOffset = fromOffset;
    let bytes = 0;
    while (nextOffset < this.#nextOffset && entries.length < entriesMax && bytes < this.#options.pageBytesMax) {
      const entry = this.#entries[this.#dropped + nextOffset - this.firstOffset]!;
      nextOffset += 1;
      if (!matches(entry, entry.entityType, entry.entityId)) continue;
      entries.push(entry);
      bytes += entry.frame.length;
    }
    return { entries, nextOffset };
  }
}
