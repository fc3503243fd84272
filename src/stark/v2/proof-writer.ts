/** Serialises a proof (section 2). Minimal varints; the exact inverse of the parser. */
import { FIELD_MODULUS } from "../field.js";

export class ProofWriter {
  readonly #parts: Uint8Array[] = [];

  u8(...values: number[]): void {
    this.#parts.push(Uint8Array.from(values));
  }

  /** Copies: views of kernel memory may move. */
  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  /** Little-endian. */
  uint(value: number, lengthBytes: 1 | 2 | 4): void {
    this.u8(...Array.from({ length: lengthBytes }, (_, i) => Math.floor(value / 256 ** i) % 256));
  }

  u64(value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.#parts.push(bytes);
  }

  /** Value below 2^28. */
  varint(value: number): void {
    let length = 1;
    while (value >= 2 ** (7 * length)) length++;
    const encoded = (2 * value + 1) * 2 ** (length - 1);
    this.u8(...Array.from({ length }, (_, i) => Math.floor(encoded / 256 ** i) % 256));
  }

  /** Width, aux, log2 n, empty meta, modulus: fields 1 to 6. */
  context(width: number, logTraceLength: number): void {
    this.u8(width, 0, 0, logTraceLength, 0, 0, 8);
    this.u64(FIELD_MODULUS);
  }

  /** One batch opening without its length prefix: depth, slots, digests. */
  opening(depth: number, slots: readonly (readonly Uint8Array[])[]): void {
    this.u8(depth);
    this.varint(slots.length);
    for (const digests of slots) {
      this.varint(digests.length);
      for (const digest of digests) this.bytes(digest);
    }
  }

  get length(): number {
    return this.#parts.reduce((sum, part) => sum + part.length, 0);
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
