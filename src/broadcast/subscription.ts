/**
 * One subscriber: a cursor that pulls. It sends the next page only when the socket has taken the last one, so a slow
 * subscriber costs the two pages of `ReadAhead` at most and delays nobody; a wake is only a hint to look.
 * Invariant: what was sent is exactly the matching entries below `#cursor`, each once, in order.
 */
import type { EntryFrame, Page } from "../store/contract.js";
import { CORKED_BYTES_MAX, FRAME_HEAD_BYTES, type Socket, type SocketHandler } from "../transport/http.js";
import type { EntryQuery, EntrySource } from "./entry-source.js";
import { ReadAhead } from "./read-ahead.js";

export interface SubscriptionOptions {
  readonly source: EntrySource;
  readonly query: EntryQuery;
  readonly fromOffset: number;
  /** One frame with a JSON array per page instead of one frame per entry. */
  readonly isBatched: boolean;
  readonly protocol: string | null;
  /** Other sockets get their turn until it resolves. */
  nextTurn(): Promise<unknown>;
  /** Entries and bytes that the socket took. */
  onFrames(entries: number, bytes: number): void;
  onError(error: unknown): void;
  onClosed(subscription: Subscription): void;
}

export class Subscription implements SocketHandler {
  readonly protocol?: string;
  readonly #options: SubscriptionOptions;
  // Looked at for each write. To the engine each subscriber's options have a shape of their own: it would search them anew each time.
  readonly #source: EntrySource;
  readonly #isBatched: boolean;
  readonly #onFrames: SubscriptionOptions["onFrames"];
  readonly #pages: ReadAhead;
  #cursor: number;
  #socket: Socket | null = null;
  #isPulling = false;
  #writes = 0;
  /** It is over: nothing more is sent, and the socket ends as soon as it can. */
  #ending: { readonly code: number; readonly reason: string } | null = null;
  #onClosed = (): void => {};

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#source = options.source;
    this.#isBatched = options.isBatched;
    this.#onFrames = options.onFrames;
    this.#pages = new ReadAhead(options.source, options.query);
    this.#cursor = options.fromOffset;
    if (options.protocol !== null) this.protocol = options.protocol;
  }

  /** Offset of the next entry to look at. */
  get cursor(): number {
    return this.#cursor;
  }

  opened(socket: Socket): void {
    if (this.#ending !== null) {
      socket.end(this.#ending.code, this.#ending.reason);
      return;
    }
    this.#socket = socket;
    this.wake();
  }

  drained(): void {
    if (this.#ending === null) this.wake();
    else this.#endIfDrained();
  }

  closed(): void {
    this.#socket = null;
    this.#pages.end();
    this.#options.onClosed(this);
    this.#onClosed();
  }

  /** Something may have changed: new entries, room in the socket. Returns how many writes it made at once. */
  wake(): number {
    if (this.#isPulling) return 0;
    const before = this.#writes;
    void this.#pull();
    return this.#writes - before;
  }

  /** At once; what the socket has not taken yet may be lost, and the close frame with it. */
  end(code: number, reason: string): void {
    this.#ending = { code, reason };
    this.#socket?.end(code, reason);
  }

  /**
   * Ends when the socket has taken what was sent: a close frame behind a backlog would go down with the process. Resolves
   * when the socket is gone, which a peer that does not read can put off for ever.
   */
  finish(code: number, reason: string): Promise<void> {
    this.#ending = { code, reason };
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      this.#endIfDrained();
    });
  }

  #endIfDrained(): void {
    if (this.#socket?.bufferedBytes() === 0) this.#socket.end(this.#ending!.code, this.#ending!.reason);
  }

  async #pull(): Promise<void> {
    this.#isPulling = true;
    try {
      while (this.#canSend() && this.#cursor < this.#source.nextOffset) {
        const page = this.#pages.page(this.#cursor);
        this.#send(page instanceof Promise ? await page : page);
        this.#pages.sent(this.#cursor);
        // Between two pages.
        if (this.#canSend() && this.#cursor < this.#source.nextOffset) await this.#options.nextTurn();
      }
    } catch (error) {
      this.#options.onError(error);
      this.end(1011, "INTERNAL_ERROR");
    } finally {
      this.#isPulling = false;
    }
  }

  /**
   * A socket that holds anything back gets nothing more: the kernel's buffer before it is full, so waiting costs no time, and
   * each frame added to a backlog would cost a write that fails.
   */
  #canSend(): boolean {
    return this.#socket !== null && this.#ending === null && this.#socket.bufferedBytes() === 0;
  }

  #send(page: Page): void {
    if (this.#isBatched) this.#sendBatch(page);
    else this.#sendEach(page);
  }

  #sendBatch(page: Page): void {
    if (page.entries.length > 0) {
      const frame = page.array ?? arrayFrame(page);
      this.#writes += 1;
      if (!this.#canSend() || !this.#socket!.send(frame)) return;
      this.#onFrames(page.entries.length, frame.length);
    }
    this.#cursor = page.nextOffset;
  }

  #sendEach({ entries, nextOffset }: Page): void {
    // A page that was sent in part goes on in its middle.
    const start = firstFrom(entries, this.#cursor);
    let index = start;
    let bytes = 0;
    while (index < entries.length && this.#canSend()) {
      const sent = this.#sendSome(entries, index);
      if (sent === index) break;
      for (; index < sent; index++) bytes += entries[index]!.frame.length;
    }
    // Stopped in the middle of a page: the cursor stays at the first entry that was not taken.
    this.#cursor = index < entries.length ? entries[index]!.offset : nextOffset;
    this.#onFrames(index - start, bytes);
  }

  /** As many frames as make one write; returns the index of the first that the socket did not take. */
  #sendSome(entries: readonly EntryFrame[], from: number): number {
    const socket = this.#socket!;
    let to = from;
    this.#writes += 1;
    socket.corked(() => {
      for (let bytes = 0; to < entries.length; to++) {
        const { frame } = entries[to]!;
        bytes += frame.length + FRAME_HEAD_BYTES;
        if ((bytes > CORKED_BYTES_MAX && to > from) || !socket.send(frame)) return;
      }
    });
    return to;
  }
}

/** Index of the first entry at or beyond `offset`. */
function firstFrom(entries: readonly EntryFrame[], offset: number): number {
  if (entries.length === 0 || entries[0]!.offset >= offset) return 0;
  let low = 1;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

const COMMA = 0x2c;

function arrayFrame(page: Page): Uint8Array {
  let bytes = 2;
  for (const { frame } of page.entries) bytes += frame.length + 1;
  const array = Buffer.allocUnsafe(bytes - 1);
  let at = array.write("[", 0, "latin1");
  for (const { frame } of page.entries) {
    if (at > 1) array[at++] = COMMA;
    array.set(frame, at);
    at += frame.length;
  }
  array.write("]", at, "latin1");
  return array;
}
