import { assert } from "../base/assert.js";
import type { Uuid } from "../base/ids.js";

/**
 * Builds hash preimages in one growing buffer that is reused from one message to the next, so that the hot path allocates
 * nothing but the digest. Integers are big-endian (spec §1). One writer belongs to one synchronous caller.
 */
const encoder = new TextEncoder();

/** Above this length `TextEncoder` beats a loop over code units; measured on Node 20. */
const ASCII_LOOP_LENGTH_MAX = 64;

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacityBytes = 1024) {
    this.#buffer = new Uint8Array(capacityBytes);
  }

  get length(): number {
    return this.#length;
  }

  reset(): this {
    this.#length = 0;
    return this;
  }

  /** Text known to be ASCII (domain strings): one byte for each code unit, no length in front. */
  ascii(text: string): this {
    const at = this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#buffer[at + i] = text.charCodeAt(i);
    return this;
  }

  u32(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= U32_MAX, "u32 out of range");
    this.#putU32(this.#reserve(4), value);
    return this;
  }

  u64(value: number | bigint): this {
    if (typeof value === "number") {
      assert(Number.isSafeInteger(value) && value >= 0, "u64 given as an unsafe number");
      const at = this.#reserve(8);
      this.#putU32(at, Math.floor(value / 0x1_0000_0000));
      this.#putU32(at + 4, value >>> 0);
      return this;
    }
    assert(value >= 0n && value <= U64_MAX, "u64 out of range");
    const at = this.#reserve(8);
    this.#putU32(at, Number(value >> 32n));
    this.#putU32(at + 4, Number(value & 0xffff_ffffn));
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** The 16 bytes of a canonical UUID in textual order. Anything else under the brand would alias another id: a bug. */
  uuid(uuid: Uuid): this {
    const at = this.#reserve(16);
    const buffer = this.#buffer;
    let from = 0;
    let all = 0;
    for (let i = 0; i < 16; i++, from += 2) {
      if (i === 4 || i === 6 || i === 8 || i === 10) from++;
      const high = hexDigit(uuid.charCodeAt(from));
      const low = hexDigit(uuid.charCodeAt(from + 1));
      buffer[at + i] = (high << 4) | low;
      all |= high | low;
    }
    assert(all < 16 && uuid.length === 36, "uuid is not in canonical form");
    return this;
  }

  /** `STR(s)` of spec §1: U32 length in UTF-8 bytes, then the bytes. */
  str(text: string): this {
    const at = this.#reserve(4);
    this.text(text);
    this.#putU32(at, this.#length - at - 4);
    return this;
  }

  /** UTF-8 bytes without a length. A lone surrogate becomes U+FFFD: readers refuse such text before it gets here. */
  text(text: string): this {
    const at = this.#reserve(text.length * 3);
    const buffer = this.#buffer;
    let i = 0;
    if (text.length <= ASCII_LOOP_LENGTH_MAX) {
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit >= 0x80) break;
        buffer[at + i] = unit;
      }
    }
    this.#length = at + i;
    if (i < text.length) {
      this.#length += encoder.encodeInto(i === 0 ? text : text.slice(i), buffer.subarray(at + i)).written;
    }
    return this;
  }

  /** The bytes so far, not copied: valid until the next write or reset. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** A copy of the bytes so far. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(lengthBytes: number): number {
    const at = this.#length;
    const needed = at + lengthBytes;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, at));
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }

  #putU32(at: number, value: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
  }
}

/** Value of a lower-case hex digit, 16 for anything else. */
function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  return unit >= 0x61 && unit <= 0x66 ? unit - 0x57 : 16;
}
