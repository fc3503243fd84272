import type { EntryFilter, LogHead, LogIdentity, LogReader, Page, StoredPage } from "../store/contract.js";
import { compileFilter, type EntryMatcher } from "../store/entry-filter.js";
import type { KeptPages } from "./kept-pages.js";
import type { Tail } from "./tail.js";

/** A reader's question, compiled once per reader. */
export interface EntryQuery {
  readonly filter: EntryFilter;
  readonly matches: EntryMatcher;
  readonly entriesMax: number;
}

export function entryQuery(filter: EntryFilter, entriesMax: number): EntryQuery {
  return { filter, matches: compileFilter(filter), entriesMax };
}

/**
 * The log as readers see it: memory for what is recent, the store for what is older. Both sides hold the same bytes, so
 * a reader that crosses from one to the other misses nothing and sees nothing twice.
 */
export class EntrySource {
  readonly #identity: LogIdentity;
  readonly #tail: Tail;
  readonly #reader: LogReader;
  /** Of the store's pages: what its readers keep. */
  readonly kept: KeptPages;

  constructor(identity: LogIdentity, tail: Tail, reader: LogReader, kept: KeptPages) {
    this.#identity = identity;
    this.#tail = tail;
    this.#reader = reader;
    this.kept = kept;
  }

  get head(): LogHead {
    return { ...this.#identity, nextOffset: this.#tail.nextOffset };
  }

  get nextOffset(): number {
    return this.#tail.nextOffset;
  }

  /** From memory at once where possible, else a promise of a page from the store. */
  page(fromOffset: number, query: EntryQuery): Page | Promise<StoredPage> {
    return this.#tail.page(fromOffset, query.matches, query.entriesMax) ?? this.#read(fromOffset, query);
  }

  /** Null where memory has it: a page that need not be asked for beforehand. */
  storedPage(fromOffset: number, query: EntryQuery): Promise<StoredPage> | null {
    return fromOffset < this.#tail.firstOffset ? this.#read(fromOffset, query) : null;
  }

  /**
   * The store may already hold a chunk this thread has not heard of. It is left for the next page: a cursor handed out is
   * never beyond the head, or its owner would be refused for coming from the future.
   */
  async #read(fromOffset: number, query: EntryQuery): Promise<StoredPage> {
    const page = await this.#reader.page(fromOffset, query.filter, query.entriesMax);
    const end = this.#tail.nextOffset;
    if (page.nextOffset <= end) return page;
    const entries = page.entries.filter(({ offset }) => offset < end);
    return { entries, nextOffset: end, bytesHeld: page.bytesHeld, release: () => page.release() };
  }
}
