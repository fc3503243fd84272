/**
 * A page of frames alone, as a reader thread makes it for subscriptions and log pages: one buffer that is moved to the main
 * thread. The frames lie in it as the JSON array that a batch subscriber gets, so that nothing is copied or unpacked for it.
 *
 *     [frame,frame,…]   then per entry   offset f64, end of its frame u32   then   nextOffset f64, entries u32
 *
 * Little-endian, private to one process and one build.
 */
import { assert } from "../base/assert.js";
import type { EntryFrame, StoredPage } from "./contract.js";

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;

const PLACE_BYTES = 12;
const SUMMARY_BYTES = 12;

/** A buffer begins at least this large. */
const PAGE_BYTES_MIN = 16 * 1024;

/** Writes one page after the other, each into a buffer that it is given or that begins as large as the last page was. */
export class FramePageWriter {
  #page = Buffer.alloc(0);
  #end = 0;
  #lastBytes = 0;
  readonly #offsets: number[] = [];
  readonly #ends: number[] = [];

  /** What was written of a page that was not finished is forgotten. `spare`: a buffer nobody else looks at. */
  begin(spare?: ArrayBuffer): void {
    // Not from the pool: it is moved to another thread.
    this.#page = Buffer.from(spare ?? new ArrayBuffer(Math.max(PAGE_BYTES_MIN, Math.ceil(this.#lastBytes * 1.1))));
    this.#page[0] = OPEN;
    this.#end = 1;
    this.#offsets.length = 0;
    this.#ends.length = 0;
  }

  get count(): number {
    return this.#offsets.length;
  }

  /** Of the frames so far and what stands between them. */
  get bytes(): number {
    return this.#end - 1;
  }

  /** Where the next frame is written: from `at` on there is room for so many bytes and for what ends the page. */
  room(frameBytesMax: number): { page: Buffer; at: number } {
    const at = this.count === 0 ? this.#end : this.#end + 1;
    const needed = at + frameBytesMax + 1 + (this.count + 1) * PLACE_BYTES + SUMMARY_BYTES;
    if (needed > this.#page.length) this.#grow(needed);
    return { page: this.#page, at };
  }

  /** The frame of `offset` was written there and ends at `end`. */
  add(offset: number, end: number): void {
    if (this.count > 0) this.#page[this.#end] = COMMA;
    this.#offsets.push(offset);
    this.#ends.push(end);
    this.#end = end;
  }

  finish(nextOffset: number): FramePage {
    this.#page[this.#end] = CLOSE;
    let at = this.#end + 1;
    for (let index = 0; index < this.count; index++) {
      at = this.#page.writeDoubleLE(this.#offsets[index]!, at);
      at = this.#page.writeUInt32LE(this.#ends[index]!, at);
    }
    at = this.#page.writeDoubleLE(nextOffset, at);
    at = this.#page.writeUInt32LE(this.count, at);
    this.#lastBytes = at;
    const packed = new Uint8Array(this.#page.buffer, 0, at);
    const isMostlyRoom = at * 2 < this.#page.length;
    this.#page = Buffer.alloc(0);
    return new FramePage(isMostlyRoom ? packed.slice() : packed);
  }

  #grow(needed: number): void {
    const grown = Buffer.from(new ArrayBuffer(Math.max(this.#page.length * 2, needed)));
    this.#page.copy(grown, 0, 0, this.#end);
    this.#page = grown;
  }
}

export class FramePage implements StoredPage {
  readonly nextOffset: number;
  readonly count: number;
  /** Owns its whole buffer: what travels, and what the page occupies. */
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly #bytes: Buffer;
  readonly #placesAt: number;
  readonly #onReleased: (buffer: ArrayBuffer) => void;
  #entries: readonly EntryFrame[] | null = null;
  #isReleased = false;

  /** `onReleased` gets the buffer, once. */
  constructor(packed: Uint8Array<ArrayBuffer>, onReleased: (buffer: ArrayBuffer) => void = () => {}) {
    this.packed = packed;
    this.#onReleased = onReleased;
    this.#bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    const summaryAt = packed.length - SUMMARY_BYTES;
    this.nextOffset = this.#bytes.readDoubleLE(summaryAt);
    this.count = this.#bytes.readUInt32LE(summaryAt + 8);
    this.#placesAt = summaryAt - this.count * PLACE_BYTES;
  }

  get bytesHeld(): number {
    return this.packed.buffer.byteLength;
  }

  get array(): Buffer {
    this.#assertHeld();
    return this.#bytes.subarray(0, this.#placesAt);
  }

  /** Cut out when somebody first looks at them. */
  get entries(): readonly EntryFrame[] {
    this.#assertHeld();
    this.#entries ??= this.#cut();
    return this.#entries;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#entries = null;
    this.#onReleased(this.packed.buffer);
  }

  /** Its bytes may be another page's by now: that must fail, not be sent. */
  #assertHeld(): void {
    assert(!this.#isReleased, "a page is looked at after it was released");
  }

  #cut(): EntryFrame[] {
    const entries: EntryFrame[] = [];
    let start = 1;
    for (let at = this.#placesAt; entries.length < this.count; at += PLACE_BYTES) {
      const end = this.#bytes.readUInt32LE(at + 8);
      entries.push({ offset: this.#bytes.readDoubleLE(at), frame: this.#bytes.subarray(start, end) });
      start = end + 1;
    }
    return entries;
  }
}
