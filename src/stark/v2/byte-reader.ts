import { type Refusal, type RefusalCode, refuse } from "../refusal.js";

/**
 * Total reader over untrusted bytes. The first failure sticks: later reads return zeros and change nothing, so a parser
 * reads straight through and asks for `refusal` before it uses a length. Never throws, never allocates.
 */
export class ByteReader {
  #at: number;
  #refusal: Refusal | null = null;

  constructor(
    readonly bytes: Uint8Array,
    start = 0,
    readonly end = bytes.length,
  ) {
    this.#at = start;
  }

  get at(): number {
    return this.#at;
  }

  get refusal(): Refusal | null {
    return this.#refusal;
  }

  get remaining(): number {
    return this.end - this.#at;
  }

  fail(code: RefusalCode, detail: string): void {
    this.#refusal ??= refuse(code, detail);
  }

  /** Moves over `length` bytes and returns where they start. */
  skip(length: number): number {
    if (this.#refusal !== null) return 0;
    if (length > this.remaining) {
      this.fail("PROOF_TRUNCATED", `needs ${length} bytes at offset ${this.#at}`);
      return 0;
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }

  u8(): number {
    const at = this.skip(1);
    return this.#refusal === null ? this.bytes[at]! : 0;
  }

  /** Little-endian unsigned integer of up to 4 bytes. */
  uint(lengthBytes: 1 | 2 | 4): number {
    const at = this.skip(lengthBytes);
    if (this.#refusal !== null) return 0;
    let value = 0;
    for (let i = lengthBytes - 1; i >= 0; i--) value = value * 256 + this.bytes[at + i]!;
    return value;
  }

  u64(): bigint {
    const low = this.uint(4);
    return (BigInt(this.uint(4)) << 32n) | BigInt(low);
  }

  /**
   * Variable-length integer (section 2). Only minimal forms of up to 4 bytes (values below 2^28) exist in accepted
   * proofs; anything longer is refused before a value is formed.
   */
  varint(): number {
    const at = this.#at;
    const first = this.u8();
    if (this.#refusal !== null) return 0;
    const length = first === 0 ? 9 : 1 + trailingZeros(first);
    if (length > 4) {
      this.fail("PROOF_MALFORMED", `length prefix of ${length} bytes at offset ${at}`);
      return 0;
    }
    const rest = this.skip(length - 1);
    if (this.#refusal !== null) return 0;
    let raw = 0;
    for (let i = length - 2; i >= 0; i--) raw = raw * 256 + this.bytes[rest + i]!;
    const value = Math.floor((raw * 256 + first) / 2 ** length);
    if (length > 1 && value < 2 ** (7 * (length - 1))) {
      this.fail("PROOF_MALFORMED", `length prefix at offset ${at} is not minimal`);
      return 0;
    }
    return value;
  }

  /** Requires an exact value, for fields that are pinned. */
  expect(actual: number, wanted: number, code: RefusalCode, what: string): void {
    if (this.#refusal === null && actual !== wanted) this.fail(code, `${what} is ${actual}, must be ${wanted}`);
  }

  finish(): void {
    if (this.#refusal === null && this.remaining !== 0) {
      this.fail("PROOF_TRAILING_BYTES", `${this.remaining} bytes after offset ${this.#at}`);
    }
  }
}

function trailingZeros(byte: number): number {
  return 31 - Math.clz32(byte & -byte);
}
