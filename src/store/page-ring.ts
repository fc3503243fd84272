/**
 * Where the lane puts its pages of new entries for the main thread, and where they stay for as long as the tail has them: one
 * block of shared memory, made once. As buffers of their own, some 20 MB a second, they made the main thread's collector go
 * through its whole heap twice a second. One writer, one reader, neither ever waits for the other: where there is no room the
 * page travels as a buffer of its own.
 * Invariant: the writer touches nothing between the end of what was released and its own end.
 */
import { constants } from "node:buffer";
import { assert } from "../base/assert.js";

/** A page in the ring: which of all bytes that ever went through it, as if it had no end. Pages are released in order. */
export interface PagePlace {
  readonly start: number;
  readonly length: number;
}

/** Room beyond what the reader keeps: pages on their way to it, half a second of a busy log, and what is left at the edge. */
const SLACK_BYTES = 8 * 1024 * 1024;

/** The reader needs nothing below it any more. */
const RELEASED = 0;
const COUNTERS_BYTES = BigInt64Array.BYTES_PER_ELEMENT;

export class PageRing {
  readonly #counters: BigInt64Array;
  readonly #bytes: Buffer;
  /** The writer's: where its last page ends, and where the next one may begin. */
  #end = 0;
  #start = 0;

  /** Memory for both ends, for a reader that keeps `keptBytes` of pages. None of it is resident before it is used. */
  static allocate(keptBytes: number, slackBytes = SLACK_BYTES): SharedArrayBuffer {
    return new SharedArrayBuffer(Math.min(COUNTERS_BYTES + keptBytes + slackBytes, constants.MAX_LENGTH));
  }

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new BigInt64Array(memory, 0, COUNTERS_BYTES / BigInt64Array.BYTES_PER_ELEMENT);
    this.#bytes = Buffer.from(memory, COUNTERS_BYTES);
  }

  /** The writer's: unbroken room for a page of at most `bytesMax`, or null. Whatever was not claimed of it is forgotten. */
  room(bytesMax: number): Buffer | null {
    const size = this.#bytes.length;
    const released = Number(Atomics.load(this.#counters, RELEASED));
    const toEdge = size - (this.#end % size);
    const start = bytesMax > toEdge ? this.#end + toEdge : this.#end;
    // An empty ring has its whole size wherever the page begins.
    const kept = released === this.#end ? 0 : start - released;
    if (kept + bytesMax > size) return null;
    this.#start = start;
    return this.#bytes.subarray(start % size, (start % size) + bytesMax);
  }

  /** The writer's: the first `length` bytes of the last room are a page. */
  claim(length: number): PagePlace {
    const start = this.#start;
    this.#end = start + length;
    return { start, length };
  }

  /** The reader's: the page's bytes, its own until it is released. */
  page({ start, length }: PagePlace): Buffer {
    const at = start % this.#bytes.length;
    return this.#bytes.subarray(at, at + length);
  }

  /** The reader's: it looks at nothing of this page and of those before it any more. */
  release({ start, length }: PagePlace): void {
    const end = BigInt(start + length);
    assert(end >= Atomics.load(this.#counters, RELEASED), "pages are released in order");
    Atomics.store(this.#counters, RELEASED, end);
  }
}
