/**
 * The pages of one subscriber, in order. Of those from the store it keeps the one that is being sent, so that a socket that
 * stops in the middle does not have it read again, and asks for the next one meanwhile, so that the reader thread does not
 * wait for the socket. Bound: these two pages, and `KeptPages` for all subscribers; nothing is kept of what is in memory anyway.
 */
import type { Page, StoredPage } from "../store/contract.js";
import type { EntryQuery, EntrySource } from "./entry-source.js";
import type { PageKeeper } from "./kept-pages.js";

interface Reading {
  readonly fromOffset: number;
  readonly page: Promise<StoredPage>;
  /** 0 until it is there. */
  bytesHeld: number;
}

export class ReadAhead implements PageKeeper {
  readonly #source: EntrySource;
  readonly #query: EntryQuery;
  #current: StoredPage | null = null;
  #next: Reading | null = null;
  #isOver = false;

  constructor(source: EntrySource, query: EntryQuery) {
    this.#source = source;
    this.#query = query;
  }

  /** The page with what follows from `cursor` on; it may begin before it. From memory at once, else a promise. */
  page(cursor: number): Page | Promise<Page> {
    if (this.#current !== null && cursor < this.#current.nextOffset) return this.#current;
    const next = this.#next;
    this.#next = null;
    if (next !== null && next.fromOffset === cursor) return next.page.then((page) => this.#begin(page));
    const page = this.#source.page(cursor, this.#query);
    return page instanceof Promise ? page.then((stored) => this.#begin(stored)) : page;
  }

  /** Everything below `cursor` was sent. */
  sent(cursor: number): void {
    const page = this.#current;
    if (page === null || cursor < page.nextOffset) return;
    this.#current = null;
    this.#account();
    page.release();
  }

  letGo(): void {
    this.#current = null;
    this.#next = null;
  }

  /** The subscriber is gone. */
  end(): void {
    this.#isOver = true;
    this.letGo();
    this.#account();
  }

  #begin(page: StoredPage): StoredPage {
    if (this.#isOver) return page;
    this.#current = page;
    this.#account();
    // Only into free room: a page read ahead and let go again would have been read for nothing.
    if (this.#source.kept.hasRoom(page.bytesHeld)) this.#readAhead(page.nextOffset);
    return page;
  }

  #readAhead(fromOffset: number): void {
    const page = this.#source.storedPage(fromOffset, this.#query);
    if (page === null) return;
    const next: Reading = { fromOffset, page, bytesHeld: 0 };
    this.#next = next;
    page.then(
      ({ bytesHeld }) => {
        next.bytesHeld = bytesHeld;
        if (this.#next === next) this.#account();
      },
      // Told to whoever takes the page, if somebody does.
      () => {},
    );
  }

  #account(): void {
    this.#source.kept.keep(this, (this.#current?.bytesHeld ?? 0) + (this.#next?.bytesHeld ?? 0));
  }
}
