/** The arithmetic under the tables, part by part, against integers of any size and at the edges its bounds allow. */
import { createHash } from "node:crypto";
import { Point } from "@noble/ed25519";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startKernels } from "../../../src/verify/key-tables.js";
import { TEST_SEED } from "../../support/seed.js";

const kernels = startKernels();
const bytes = new Uint8Array(kernels.memory.buffer);
const doubles = new Float64Array(kernels.memory.buffer);

const P = Point.CURVE().p;
const L = Point.CURVE().n;
const LIMBS = 12;
/** Exponent of limb i. */
const at = (i: number): number => Math.ceil(21.25 * i);
const widthOf = (i: number): number => 2 ** (at(i + 1) - at(i) - 1);

const free = (kernels.heapBase.value + 15) & ~15;
const A = free;
const B = free + 192;
const OUT = free + 384;
const TEXT = free + 576;

/** Units of 2^at(i), one per limb, into one lane. */
function putLimbs(pointer: number, lane: 0 | 1, units: readonly number[]): void {
  units.forEach((unit, i) => {
    doubles[pointer / 8 + 2 * i + lane] = unit * 2 ** at(i);
  });
}

function limbsOf(pointer: number, lane: 0 | 1): number[] {
  return Array.from({ length: LIMBS }, (_, i) => doubles[pointer / 8 + 2 * i + lane]! / 2 ** at(i));
}

function numberAt(pointer: number, lane: 0 | 1): bigint {
  return mod(
    limbsOf(pointer, lane).reduce((sum, unit, i) => sum + (BigInt(unit) << BigInt(at(i))), 0n),
    P,
  );
}

function mod(value: bigint, modulus: bigint): bigint {
  return ((value % modulus) + modulus) % modulus;
}

function putBytes(pointer: number, value: bigint, length: number): void {
  for (let i = 0; i < length; i++) bytes[pointer + i] = Number((value >> BigInt(8 * i)) & 255n);
}

function bytesAt(pointer: number, length: number): bigint {
  return bytes.subarray(pointer, pointer + length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** Limbs of `wide` tight elements: at their bounds, next to them, at zero, or anywhere between. */
function limbs(wide: number): fc.Arbitrary<number[]> {
  const unit = fc.oneof(
    fc.constantFrom(1, -1, 0, 1 - 2 ** -20, 2 ** -20 - 1),
    fc.double({ min: -1, max: 1, noNaN: true }),
  );
  const units = fc.array(unit, { minLength: LIMBS, maxLength: LIMBS });
  return units.map((shares) => shares.map((share, i) => Math.trunc(share * wide * widthOf(i) * tightness(i))));
}

/** A carry leaves limbs 1, 4, 7 and 10 a little above half a unit of the next limb. */
function tightness(i: number): number {
  return i % 3 === 1 ? 1.0009 : 1;
}

describe("the field kernel", () => {
  it("multiplies exactly, at the bounds of its operands too, both lanes on their own", () => {
    const shapes = fc.constantFrom<readonly [number, number]>([1, 1], [2, 2], [3, 4], [4, 3], [4, 4], [1, 16], [16, 1]);
    const pairs = shapes.chain(([n, m]) => fc.tuple(limbs(n), limbs(m), limbs(n), limbs(m)));
    const property = fc.property(pairs, ([a0, b0, a1, b1]) => {
      putLimbs(A, 0, a0);
      putLimbs(A, 1, a1);
      putLimbs(B, 0, b0);
      putLimbs(B, 1, b1);
      const expected = [numberAt(A, 0) * numberAt(B, 0), numberAt(A, 1) * numberAt(B, 1)].map((value) => mod(value, P));
      kernels.mul(OUT, A, B);
      expect([numberAt(OUT, 0), numberAt(OUT, 1)]).toEqual(expected);
      for (const lane of [0, 1] as const) {
        limbsOf(OUT, lane).forEach((unit, i) => {
          expect(Math.abs(unit)).toBeLessThanOrEqual(widthOf(i) * tightness(i));
        });
      }
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 5000 });
  });

  it("multiplies all limbs at their bounds, with every pattern of signs in three", () => {
    for (let signs = 0; signs < 4096; signs++) {
      const edge = (wide: number, flip: number) =>
        Array.from({ length: LIMBS }, (_, i) => {
          const sign = ((signs >> (i % 12)) & 1) === flip ? 1 : -1;
          return sign * Math.trunc(wide * widthOf(i) * tightness(i));
        });
      putLimbs(A, 0, edge(4, 0));
      putLimbs(B, 0, edge(4, 0));
      putLimbs(A, 1, edge(3, 1));
      putLimbs(
        B,
        1,
        edge(4, 0)
          .toReversed()
          .map((unit, i) => Math.sign(unit) * Math.trunc(4 * widthOf(i))),
      );
      const expected = [mod(numberAt(A, 0) * numberAt(B, 0), P), mod(numberAt(A, 1) * numberAt(B, 1), P)];
      kernels.mul(OUT, A, B);
      expect([numberAt(OUT, 0), numberAt(OUT, 1)]).toEqual(expected);
    }
  });

  it("may write over either operand", () => {
    const property = fc.property(limbs(1), limbs(1), (a, b) => {
      for (const out of [A, B]) {
        for (const lane of [0, 1] as const) {
          putLimbs(A, lane, a);
          putLimbs(B, lane, b);
        }
        const expected = mod(numberAt(A, 0) * numberAt(B, 0), P);
        kernels.mul(out, A, B);
        expect([numberAt(out, 0), numberAt(out, 1)]).toEqual([expected, expected]);
      }
      putLimbs(A, 0, a);
      const square = mod(numberAt(A, 0) ** 2n, P);
      kernels.mul(A, A, A);
      expect(numberAt(A, 0)).toBe(square);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 500 });
  });

  it("inverts, and takes 0 to 0", () => {
    const values = fc.oneof(fc.constantFrom(0n, 1n, 2n, P - 1n, P - 2n), fc.bigInt({ min: 0n, max: P - 1n }));
    const property = fc.property(values, (value) => {
      putBytes(TEXT, value, 32);
      kernels.fromBytes(A, TEXT);
      kernels.invert(OUT, A);
      expect(mod(numberAt(OUT, 1) * value, P)).toBe(value === 0n ? 0n : 1n);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 200 });
  });

  it("reads 255 bits and writes the canonical form, around p and around 0", () => {
    const around = fc.bigInt({ min: -40n, max: 40n });
    const edges = fc.tuple(fc.constantFrom(0n, P, 2n ** 254n, 2n ** 255n), around).map(([edge, off]) => edge + off);
    const values = fc.oneof(edges, fc.bigInt({ min: 0n, max: 2n ** 255n - 1n })).filter((value) => value >= 0n);
    const property = fc.property(values, fc.boolean(), (value, high) => {
      const encoded = (value % 2n ** 255n) | (high ? 2n ** 255n : 0n);
      putBytes(TEXT, encoded, 32);
      kernels.fromBytes(A, TEXT);
      kernels.toBytes(TEXT, A, 8);
      expect(bytesAt(TEXT, 32)).toBe((value % 2n ** 255n) % P);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 2000 });
  });

  it("writes the canonical form of whatever limbs a product may leave", () => {
    const property = fc.property(limbs(1), limbs(1), (low, high) => {
      putLimbs(A, 0, low);
      putLimbs(A, 1, high);
      for (const lane of [0, 1] as const) {
        kernels.toBytes(TEXT, A, 8 * lane);
        expect(bytesAt(TEXT, 32)).toBe(numberAt(A, lane));
      }
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 2000 });
    for (let off = -40; off <= 40; off++) {
      putLimbs(A, 0, [off, ...new Array<number>(LIMBS - 1).fill(0)]);
      kernels.toBytes(TEXT, A, 0);
      expect(bytesAt(TEXT, 32)).toBe(mod(BigInt(off), P));
    }
  });
});

describe("the scalar kernel", () => {
  it("reduces 512 bits mod L", () => {
    const multiples = fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 512n / L }), fc.bigInt({ min: -3n, max: 3n }))
      .map(([factor, off]) => factor * L + off);
    const shifted = fc
      .tuple(fc.nat(511), fc.bigInt({ min: -2n, max: 2n }))
      .map(([bit, off]) => 2n ** BigInt(bit) + off);
    const values = fc
      .oneof(multiples, shifted, fc.bigInt({ min: 0n, max: 2n ** 512n - 1n }), fc.constant(2n ** 512n - 1n))
      .filter((value) => value >= 0n && value < 2n ** 512n);
    const property = fc.property(values, (value) => {
      putBytes(TEXT, value, 64);
      kernels.reduce(OUT, TEXT);
      expect(bytesAt(OUT, 32)).toBe(value % L);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 5000 });
  });

  it("hashes as SHA-512 does", () => {
    const property = fc.property(fc.uint8Array({ minLength: 96, maxLength: 96 }), (text) => {
      bytes.set(text, TEXT);
      kernels.sha512Of96(OUT, TEXT);
      expect(Buffer.from(bytes.subarray(OUT, OUT + 64))).toEqual(createHash("sha512").update(text).digest());
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 1000 });
  });
});
