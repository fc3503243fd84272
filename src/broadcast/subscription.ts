/**
 * One subscriber: a cursor that pulls. It reads the next page only when the socket has taken the last one, so a slow
 * subscriber costs one page of memory and delays nobody; a wake is only a hint to look.
 * Invariant: what was sent is exactly the matching entries below `#cursor`, each once, in order.
 */
import type { Page } from "../store/contract.js";
import type { Socket, SocketHandler } from "../transport/http.js";
import type { EntryQuery, EntrySource } from "./entry-source.js";

/** Bytes a socket may hold before the next frame waits. One frame may exceed it: the largest is a payload's limit. */
const BUFFERED_BYTES_MAX = 32 * 1024;

export interface SubscriptionOptions {
  readonly source: EntrySource;
  readonly query: EntryQuery;
  readonly fromOffset: number;
  /** One frame with a JSON array per page instead of one frame per entry. */
  readonly isBatched: boolean;
  readonly protocol: string | null;
  /** Other sockets get their turn until it resolves. */
  nextTurn(): Promise<unknown>;
  onFrames(frames: number, bytes: number): void;
  onError(error: unknown): void;
  onClosed(subscription: Subscription): void;
}

export class Subscription implements SocketHandler {
  readonly protocol?: string;
  readonly #options: SubscriptionOptions;
  #cursor: number;
  #socket: Socket | null = null;
  #isPulling = false;
  /** It is over: nothing more is sent, and the socket ends as soon as it can. */
  #ending: { readonly code: number; readonly reason: string } | null = null;
  #onClosed = (): void => {};

  constructor(options: SubscriptionOptions) {
    this.#options = options;
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
    this.#options.onClosed(this);
    this.#onClosed();
  }

  /** Something may have changed: new entries, room in the socket. */
  wake(): void {
    if (!this.#isPulling) void this.#pull();
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
    const { source, query, nextTurn, onError } = this.#options;
    this.#isPulling = true;
    try {
      while (this.#canSend() && this.#cursor < source.nextOffset) {
        const page = source.page(this.#cursor, query);
        this.#send(page instanceof Promise ? await page : page);
        // Between two pages.
        if (this.#canSend() && this.#cursor < source.nextOffset) await nextTurn();
      }
    } catch (error) {
      onError(error);
      this.end(1011, "INTERNAL_ERROR");
    } finally {
      this.#isPulling = false;
    }
  }

  #canSend(): boolean {
    const isOpen = this.#socket !== null && this.#ending === null;
    return isOpen && this.#socket!.bufferedBytes() < BUFFERED_BYTES_MAX;
  }

  #send(page: Page): void {
    this.#socket?.corked(() => {
      if (this.#options.isBatched) this.#sendBatch(page);
      else this.#sendEach(page);
    });
  }

  #sendEach(page: Page): void {
    let bytes = 0;
    let frames = 0;
    for (const { offset, frame } of page.entries) {
      // Stopped in the middle of a page: the cursor stays at the first entry that was not taken.
      if (!this.#canSend() || !this.#socket!.send(frame)) {
        this.#cursor = offset;
        break;
      }
      frames += 1;
      bytes += frame.length;
      this.#cursor = offset + 1;
    }
    if (frames === page.entries.length) this.#cursor = page.nextOffset;
    this.#options.onFrames(frames, bytes);
  }

  #sendBatch(page: Page): void {
    if (page.entries.length > 0) {
      const frame = arrayFrame(page);
      if (!this.#socket!.send(frame)) return;
      this.#options.onFrames(page.entries.length, frame.length);
    }
    this.#cursor = page.nextOffset;
  }
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
