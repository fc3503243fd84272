/**
 * The Fiat-Shamir coin (section 1.5), kept in kernel memory. Order of calls is the protocol (section 3.3): everything a
 * prover sends is absorbed before the next challenge is drawn.
 */
import type { Kernels, Pointer } from "../kernels.js";

export class Transcript {
  readonly #kernels: Kernels;
  /** Current seed, 32 bytes. */
  readonly seed: Pointer;
  readonly #degree: 1 | 2;
  #counter = 0;

  /** `context` is the seed list of section 3.2 followed by the public elements, all canonical. */
  constructor(kernels: Kernels, context: readonly bigint[], degree: 1 | 2) {
    this.#kernels = kernels;
    this.#degree = degree;
    this.seed = kernels.alloc(32);
    kernels.call.hash(this.seed, kernels.putElements(context), context.length * 8);
  }

  /** Absorbs a digest. */
  reseed(digest: Pointer): void {
    this.#kernels.call.merge(this.seed, this.seed, digest);
    this.#counter = 0;
  }

  /** Absorbs the hash of wire bytes. */
  reseedWithHash(wire: Pointer, length: number): void {
    const digest = this.#kernels.alloc(32);
    this.#kernels.call.hash(digest, wire, length);
    this.reseed(digest);
  }

  /** A copy of the current seed for `drawFrom`: what is drawn changes no later seed, so drawing can wait. */
  keepSeed(): Pointer {
    const kept = this.#kernels.alloc(32);
    this.#kernels.bytes(kept, 32).set(this.#kernels.bytes(this.seed, 32));
    return kept;
  }

  /** Draws `count` extension elements, 16 bytes each. */
  draw(count: number): Pointer {
    const out = this.#kernels.alloc(count * 16);
    this.#counter = this.#kernels.call.drawElements(out, this.seed, this.#counter, count, this.#degree);
    return out;
  }

  /** Smallest nonce from 1 whose digest has `bits` trailing zero bits (section 9 step 8). */
  grind(bits: number): bigint {
    const chunk = 1 << 20;
    for (let first = 1n; ; first += BigInt(chunk)) {
      const nonce = this.#kernels.call.grind(this.seed, bits, first, chunk);
      if (nonce !== 0n) return nonce;
    }
  }

  /** True if the nonce meets the proof of work; becomes the seed for positions either way. */
  absorbNonce(nonce: bigint, bits: number): boolean {
    const { call } = this.#kernels;
    call.mergeWithInt(this.seed, this.seed, nonce);
    this.#counter = 0;
    const low = this.#kernels.words(this.seed, 1)[0]!;
    // Every option set asks for fewer than 32 bits.
    return (low & (2 ** bits - 1)) === 0;
  }

  /** Distinct query positions below 2^logDomain, ascending (section 1.5, step h of 3.3). */
  drawPositions(count: number, logDomain: number): number[] {
    const out = this.#kernels.alloc(count * 4);
    this.#kernels.call.drawPositions(out, this.seed, count, 2 ** logDomain - 1);
    return [...new Set(this.#kernels.words(out, count))].sort((a, b) => a - b);
  }
}

/** Draws the first `count` extension elements, 16 bytes each, that follow this seed. */
export function drawFrom(kernels: Kernels, seed: Pointer, count: number, degree: 1 | 2): Pointer {
  const out = kernels.alloc(count * 16);
  kernels.call.drawElements(out, seed, 0, count, degree);
  return out;
}
