/**
 * Flat binary records for hand-offs between threads: one transferable buffer per batch instead of one cloned object per
 * event (0.4 µs against 78 µs per event, measured). Little-endian, private to one process and one build: never stored,
 * never sent over a network.
 */
import { assert } from "./assert.js";

/** Up to here a loop over code units beats the built-in copy; measured on Node 20. */
const ASCII_LOOP_LENGTH_MAX = 64;

const EMPTY = Buffer.from(new ArrayBuffer(0));

export class PackWriter {
  #buffer: Buffer;
  #isOwner = true;
  #at = 0;

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.from(new ArrayBuffer(initialBytes));
  }

  /** In somebody else's memory, where there must be room for all that comes; nothing is taken from there. */
  static in(room: Buffer): PackWriter {
    const writer = new PackWriter(0);
    writer.#buffer = room;
    writer.#isOwner = false;
    return writer;
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): this {
    this.#room(1);
    this.#buffer[this.#at++] = value;
    return this;
  }

  u32(value: number): this {
    this.#room(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
    return this;
  }

  /** A non-negative integer up to 2^53-1. */
  u53(value: number): this {
    this.#room(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
    return this;
  }

  /** Bytes whose length the reader knows. */
  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** Length-prefixed bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** Length-prefixed UTF-8 text. */
  text(text: string): this {
    this.#room(4 + text.length * 3);
    const start = this.#at + 4;
    const isWritten = text.length <= ASCII_LOOP_LENGTH_MAX && this.#ascii(text, start);
    const written = isWritten ? text.length : this.#buffer.write(text, start, "utf8");
    this.#buffer.writeUInt32LE(written, this.#at);
    this.#at += 4 + written;
    return this;
  }

  /** False as soon as a unit is not ASCII. */
  #ascii(text: string, start: number): boolean {
    const buffer = this.#buffer;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return false;
      buffer[start + i] = unit;
    }
    return true;
  }

  /** Hands the written bytes over and leaves the writer empty. The result owns its whole ArrayBuffer: transferable. */
  take(): Uint8Array<ArrayBuffer> {
    assert(this.#isOwner, "somebody else's memory");
    const taken = this.#buffer.subarray(0, this.#at);
    const owned = new Uint8Array(taken.buffer as ArrayBuffer, taken.byteOffset, taken.byteLength);
    this.#buffer = EMPTY;
    this.#at = 0;
    return owned;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    assert(this.#isOwner, "more was written than there was room for");
    const grown = Buffer.from(new ArrayBuffer(Math.max(this.#buffer.length * 2, this.#at + bytes)));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

/** Reads what PackWriter wrote, in the same order. Byte results are views: they live as long as the packed buffer. */
export class PackReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#at++);
  }

  u32(): number {
    const value = this.#buffer.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  u53(): number {
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  raw(length: number): Buffer {
    const view = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  bytes(): Buffer {
    return this.raw(this.u32());
  }

  text(): string {
    const length = this.u32();
    const text = this.#buffer.toString("utf8", this.#at, this.#at + length);
    this.#at += length;
    return text;
  }
}
