/**
 * Reads a stored envelope byte by byte in its one canonical form (ves-protocol §4.1, member order of
 * `verify/envelope-json.ts`). Shares no code with what wrote it, so a damaged byte or a wrong writer is a fault, never
 * another reading. Makes no text and allocates nothing: that is what lets an audit keep up. Throws AuditFault.
 */
import { AuditFault } from "./audit-fault.js";

const QUOTE = 0x22;
const HYPHEN = 0x2d;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Bytes of a UUID between hyphens. */
const UUID_RUNS: readonly number[] = [4, 2, 2, 2, 6];

const HEX_DIGITS = Buffer.from("0123456789abcdef", "latin1");

/** Value of each lower-case hex digit, 16 for every other byte. */
const HEX_VALUES = new Uint8Array(256).fill(16);
HEX_DIGITS.forEach((digit, value) => {
  HEX_VALUES[digit] = value;
});

export class EnvelopeCursor {
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #at = 0;

  /** Begins at `from`; nothing from `to` on is looked at. */
  begin(bytes: Buffer, from: number, to: number): void {
    this.#bytes = bytes;
    this.#start = from;
    this.#at = from;
    this.#end = to;
  }

  /** Place in the bytes. */
  get at(): number {
    return this.#at;
  }

  /** Where the envelope ends. */
  get end(): number {
    return this.#end;
  }

  /** Goes on at a place further on, after what is before it was judged by other means. */
  moveTo(at: number): void {
    if (at < this.#at || at > this.#end) throw this.notCanonical("end of a value");
    this.#at = at;
  }

  /** True, and past it, when exactly these bytes come next. */
  has(expected: Buffer): boolean {
    return this.hasPart(expected, 0, expected.length);
  }

  hasPart(expected: Buffer, from: number, to: number): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (to - from > this.#end - at) return false;
    for (let i = from; i < to; i++) if (bytes[at++] !== expected[i]) return false;
    this.#at = at;
    return true;
  }

  literal(expected: Buffer): void {
    if (!this.has(expected)) throw this.notCanonical(expected.toString());
  }

  /** True, and past it, when `length` bytes of `source` come next as hex. */
  hasHex(source: Buffer, from: number, length: number): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (length * 2 > this.#end - at) return false;
    let difference = 0;
    for (let i = from; i < from + length; i++) {
      const byte = source[i]!;
      difference |= bytes[at++]! ^ HEX_DIGITS[byte >> 4]!;
      difference |= bytes[at++]! ^ HEX_DIGITS[byte & 15]!;
    }
    if (difference !== 0) return false;
    this.#at = at;
    return true;
  }

  /** True, and past it, when 16 bytes of `source` come next as a UUID. */
  hasUuid(source: Buffer, from: number): boolean {
    const start = this.#at;
    let at = from;
    for (const length of UUID_RUNS) {
      const isNext = (at === from || this.#hasHyphen()) && this.hasHex(source, at, length);
      if (!isNext) {
        this.#at = start;
        return false;
      }
      at += length;
    }
    return true;
  }

  /** Decodes hex of `length` bytes into `target`. */
  hex(target: Buffer, to: number, length: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (length * 2 > this.#end - at) throw this.notCanonical("hex");
    let all = 0;
    for (let i = to; i < to + length; i++) {
      const high = HEX_VALUES[bytes[at++]!]!;
      const low = HEX_VALUES[bytes[at++]!]!;
      target[i] = (high << 4) | low;
      all |= high | low;
    }
    if (all > 15) throw this.notCanonical("hex");
    this.#at = at;
  }

  /** Decodes a UUID into 16 bytes of `target`. */
  uuid(target: Buffer, to: number): void {
    let at = to;
    for (const length of UUID_RUNS) {
      if (at !== to && !this.#hasHyphen()) throw this.notCanonical("UUID");
      this.hex(target, at, length);
      at += length;
    }
  }

  u32(): number {
    const value = Number(this.#digits());
    if (value > U32_MAX) throw this.notCanonical("u32");
    return value;
  }

  /** The nearest double: exact up to 2^53. */
  u64(): number {
    const digits = this.#digits();
    if (BigInt(digits) > U64_MAX) throw this.notCanonical("u64");
    return Number(digits);
  }

  /** Past text without escapes and its closing quote. Returns the place of the quote. */
  plainText(): number {
    const bytes = this.#bytes;
    for (let at = this.#at; at < this.#end; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#at = at + 1;
        return at;
      }
      if (byte < SPACE || byte === BACKSLASH) break;
    }
    throw this.notCanonical("plain text");
  }

  expectEnd(): void {
    if (this.#at !== this.#end) throw new AuditFault("the envelope is not canonical: something follows it");
  }

  notCanonical(missing: string): AuditFault {
    return new AuditFault(`the envelope is not canonical: no ${missing} at byte ${this.#at - this.#start}`);
  }

  #hasHyphen(): boolean {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== HYPHEN) return false;
    this.#at += 1;
    return true;
  }

  /** Decimal digits, at least one, no leading zero. */
  #digits(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    while (at < this.#end && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
    if (at === start || (at > start + 1 && bytes[start] === ZERO)) throw this.notCanonical("number");
    this.#at = at;
    return bytes.toString("latin1", start, at);
  }
}
