/**
 * The log's most recent entries in memory, encoded, shared by all subscribers, in the pages they were committed in.
 * Invariant: the pages are contiguous and end at `nextOffset`, which only moves forward. Bound: `bytesMax` of frames; older
 * entries are read from the store.
 */
import { assert } from "../base/assert.js";
import type { LogEntry, Page } from "../store/contract.js";
import type { EntryMatcher } from "../store/entry-filter.js";
import type { EntryPage } from "../store/packed-page.js";

export interface TailOptions {
  /** Frame bytes kept. */
  readonly bytesMax: number;
  /** Frame bytes after which a page ends; the entry that crosses it is still in. */
  readonly pageBytesMax: number;
}

/** The new entries of one commit: every entry of the log from `nextOffset - count` on. */
export interface TailPage extends EntryPage {
  readonly count: number;
  readonly frameBytes: number;
}

export class Tail {
  readonly #options: TailOptions;
  /** `#pages[i]` for i >= `#dropped`; the dropped front is cut off now and then, not page by page. */
  #pages: (TailPage | null)[] = [];
  #dropped = 0;
  #bytes = 0;
  #firstOffset: number;
  #nextOffset: number;

  constructor(nextOffset: number, options: TailOptions) {
    this.#firstOffset = nextOffset;
    this.#nextOffset = nextOffset;
    this.#options = options;
  }

  /** Where the durable log ends, as far as this process knows. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  get firstOffset(): number {
    return this.#firstOffset;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(page: TailPage): void {
    const firstOffset = page.nextOffset - page.count;
    assert(firstOffset === this.#nextOffset, `entry ${firstOffset} does not follow ${this.#nextOffset}`);
    this.#pages.push(page);
    this.#bytes += page.frameBytes;
    this.#nextOffset = page.nextOffset;
    while (this.#bytes > this.#options.bytesMax) this.#drop();
    if (this.#dropped * 2 > this.#pages.length) {
      this.#pages = this.#pages.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  /** Matching entries from `fromOffset` on, at most `entriesMax`; null when the tail does not reach back that far. */
  page(fromOffset: number, matches: EntryMatcher, entriesMax: number): Page | null {
    if (fromOffset < this.#firstOffset) return null;
    const entries: LogEntry[] = [];
    let nextOffset = fromOffset;
    let bytes = 0;
    for (let at = this.#find(fromOffset); at < this.#pages.length; at++) {
      const page = this.#pages[at]!;
      const firstOffset = page.nextOffset - page.count;
      for (let index = nextOffset - firstOffset; index < page.count; index++) {
        if (entries.length >= entriesMax || bytes >= this.#options.pageBytesMax) return { entries, nextOffset };
        const entry = page.entries[index]!;
        nextOffset += 1;
        if (!matches(entry, entry.entityType, entry.entityId, entry.kind)) continue;
        entries.push(entry);
        bytes += entry.frame.length;
      }
    }
    return { entries, nextOffset };
  }

  #drop(): void {
    const page = this.#pages[this.#dropped]!;
    this.#pages[this.#dropped] = null;
    this.#dropped += 1;
    this.#bytes -= page.frameBytes;
    this.#firstOffset = page.nextOffset;
  }

  /** Index of the page that holds `offset`: of the first that ends beyond it. */
  #find(offset: number): number {
    let low = this.#dropped;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pages[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
