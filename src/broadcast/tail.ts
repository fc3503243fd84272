/**
 * The log's most recent entries in memory, encoded, shared by all subscribers, in the pages they were committed in.
 * Invariant: the pages are contiguous and end at `nextOffset`, which only moves forward. Bound: `bytesMax` of pages; older
 * entries are read from the store. A dropped page is given back: its memory is the lane's again.
 */
import { assert } from "../base/assert.js";
import type { LogEntry, Page } from "../store/contract.js";
import type { EntryMatcher } from "../store/entry-filter.js";
import type { EntryPage } from "../store/packed-page.js";

export interface TailOptions {
  /** Bytes of pages kept. */
  readonly bytesMax: number;
  /** Frame bytes after which a page ends; the entry that crosses it is still in. */
  readonly pageBytesMax: number;
}

interface CutPage {
  readonly fromOffset: number;
  readonly matches: EntryMatcher;
  readonly entriesMax: number;
  readonly page: Page;
}

/** The new entries of one commit: every entry of the log from `nextOffset - count` on. */
export interface TailPage extends EntryPage {
  readonly count: number;
  /** Memory it occupies until it is released. */
  readonly bytes: number;
  /** Nobody will look at it again. */
  release(): void;
}

export class Tail {
  readonly #options: TailOptions;
  /** `#pages[i]` for i >= `#dropped`; the dropped front is cut off now and then, not page by page. */
  #pages: (TailPage | null)[] = [];
  #dropped = 0;
  #bytes = 0;
  #firstOffset: number;
  #nextOffset: number;
  /** The page cut last: most subscribers of a round ask for the same one. Forgotten with the next chunk. */
  #lastCut: CutPage | null = null;

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
    this.#lastCut = null;
    this.#pages.push(page);
    this.#bytes += page.bytes;
    this.#nextOffset = page.nextOffset;
    while (this.#bytes > this.#options.bytesMax) this.#drop();
    if (this.#dropped * 2 > this.#pages.length) {
      this.#pages = this.#pages.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  /**
   * Matching entries from `fromOffset` on, at most `entriesMax`; null when the tail does not reach back that far. They are for
   * now: with the next chunk their bytes may be gone.
   */
  page(fromOffset: number, matches: EntryMatcher, entriesMax: number): Page | null {
    if (fromOffset < this.#firstOffset) return null;
    const last = this.#lastCut;
    if (last?.fromOffset === fromOffset && last.matches === matches && last.entriesMax === entriesMax) return last.page;
    const page = this.#cut(fromOffset, matches, entriesMax);
    this.#lastCut = { fromOffset, matches, entriesMax, page };
    return page;
  }

  #cut(fromOffset: number, matches: EntryMatcher, entriesMax: number): Page {
    const entries: LogEntry[] = [];
    let nextOffset = fromOffset;
    let bytes = 0;
    for (let at = this.#find(fromOffset); at < this.#pages.length; at++) {
      const page = this.#pages[at]!;
      const firstOffset = page.nextOffset - page.count;
      for (let index = nextOffset - firstOffset; index < page.count; index++) {
        if (entries.length >= entriesMax || bytes >= this.#options.pageBytesMax)
          return new RecentPage(this, entries, nextOffset);
        const entry = page.entries[index]!;
        nextOffset += 1;
        if (!matches(entry, entry.entityType, entry.entityId, entry.kind)) continue;
        entries.push(entry);
        bytes += entry.frame.length;
      }
    }
    return new RecentPage(this, entries, nextOffset);
  }

  #drop(): void {
    const page = this.#pages[this.#dropped]!;
    this.#pages[this.#dropped] = null;
    this.#dropped += 1;
    this.#bytes -= page.bytes;
    this.#firstOffset = page.nextOffset;
    page.release();
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

/** Views of the tail's pages: they end with the oldest of them. */
class RecentPage implements Page {
  readonly nextOffset: number;
  readonly #tail: Tail;
  readonly #entries: readonly LogEntry[];

  constructor(tail: Tail, entries: readonly LogEntry[], nextOffset: number) {
    this.#tail = tail;
    this.#entries = entries;
    this.nextOffset = nextOffset;
  }

  get entries(): readonly LogEntry[] {
    const oldest = this.#entries[0];
    // Its bytes may be another entry's by now: that must fail, not be sent.
    assert(
      oldest === undefined || oldest.offset >= this.#tail.firstOffset,
      "an entry is looked at after it was dropped",
    );
    return this.#entries;
  }
}
