import type { EntryFilter, LogHead, LogIdentity, LogReader, Page } from "../store/contract.js";
import { compileFilter, type EntryMatcher } from "../store/entry-filter.js";
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

  constructor(identity: LogIdentity, tail: Tail, reader: LogReader) {
    this.#identity = identity;
    this.#tail = tail;
    this.#reader = reader;
  }

  get head(): LogHead {
    return { ...this.#identity, nextOffset: this.#tail.nextOffset };
  }

  get nextOffset(): number {
    return this.#tail.nextOffset;
  }

  /** From memory at once where possible, else a promise of a page from the store. */
  page(fromOffset: number, query: EntryQuery): Page | Promise<Page> {
    return this.#tail.page(fromOffset, query.matches, query.entriesMax) ?? this.#storedPage(fromOffset, query);
  }

  /**
   * The store may already hold a chunk this thread has not heard of. It is left for the next page: a cursor handed out is
   * never beyond the head, or its owner would be refused for coming from the future.
   */
  async #storedPage(fromOffset: number, query: EntryQuery): Promise<Page> {
    const page = await this.#reader.page(fromOffset, query.filter, query.entriesMax);
    const end = this.#tail.nextOffset;
    if (page.nextOffset <= end) return page;
    return { entries: page.entries.filter(({ offset }) => offset < end), nextOffset: end };
  }
}
