import { createHash } from "node:crypto";
import { blake3 } from "@noble/hashes/blake3.js";
import { describe, expect, it } from "vitest";
import { Kernels } from "../../../src/stark/kernels.js";
import { permutationTrace, permute, rescueHash } from "../../../src/stark/rescue.js";
import { MDS, MDS_INVERSE, ROUND_CONSTANTS } from "../../../src/stark/rescue-constants.js";
import { EvaluationDomain, interpolateOnCoset } from "../../../src/stark/v2/evaluation-domain.js";
import { newKernels } from "./fixtures.js";
import {
  EDGES,
  type Ext,
  evaluate,
  extMul,
  interpolate,
  inverse,
  mod,
  P,
  permutation,
  power,
  rootOfOrder,
  splitmix,
} from "./model.js";

const kernels = newKernels();
const { call } = kernels;
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const next = splitmix(1n);
const element = (): bigint => mod(next());
const elements = (count: number): bigint[] => Array.from({ length: count }, element);

describe("base field", () => {
  it("agrees with the model on edges and random values", () => {
    const values = [...EDGES, ...elements(60)];
    for (const a of values) {
      for (const b of values) {
        expect(unsigned(call.fieldMul(a, b))).toBe(mod(a * b));
        expect(unsigned(call.fieldAdd(a, b))).toBe(mod(a + b));
        expect(unsigned(call.fieldSub(a, b))).toBe(mod(a - b));
      }
      expect(unsigned(call.fieldInv(a))).toBe(inverse(a));
    }
  });

  it("roots of unity are those of the format (section 1.2)", () => {
    const roots = [3, 4, 8, 10, 12, 14].map((bits) => unsigned(call.rootOfUnity(bits)));
    expect(roots).toEqual([
      16777216n,
      4096n,
      4404853092538523347n,
      4255134452441852017n,
      4355325209153869931n,
      7126024226993609386n,
    ]);
    expect(unsigned(call.fieldPow(7n, (P - 1n) >> 32n))).toBe(1753635133440165772n);
  });
});

describe("quadratic extension", () => {
  const at = kernels.alloc(64);
  const multiply = (x: Ext, y: Ext): bigint[] => {
    kernels.elements(at, 4).set([...x, ...y]);
    call.extMul(at + 32, at, at + 16);
    return [...kernels.elements(at + 32, 2)];
  };
  const invert = (x: Ext): bigint[] => {
    kernels.elements(at, 2).set(x);
    call.extInv(at, at);
    return [...kernels.elements(at, 2)];
  };

  it("has the products and inverses of section 1.3", () => {
    expect(multiply([3n, 5n], [7n, 11n])).toEqual([18446744069414584232n, 123n]);
    expect(invert([3n, 5n])).toEqual([11965455612593243884n, 1744962276836514733n]);
    expect(invert([0n, 0n])).toEqual([0n, 0n]);
  });

  it("agrees with the model", () => {
    for (let i = 0; i < 300; i++) {
      const edge = EDGES[i % EDGES.length]!;
      const [x, y]: [Ext, Ext] = [
        [element(), edge],
        [edge, element()],
      ];
      expect(multiply(x, y)).toEqual(extMul(x, y));
      expect(extMul(invert(x) as unknown as Ext, x)).toEqual([1n, 0n]);
    }
  });

  it("inverts in batches, and says so when one is zero", () => {
    const values = Array.from({ length: 33 }, (): Ext => [element(), element()]);
    const list = kernels.putElements(values.flat());
    expect(call.extInvBatch(list, 33, kernels.alloc(33 * 16))).toBe(1);
    for (const [i, value] of values.entries()) {
      expect(extMul([...kernels.elements(list + 16 * i, 2)] as unknown as Ext, value)).toEqual([1n, 0n]);
    }
    const withZero = kernels.putElements([1n, 1n, 0n, 0n]);
    expect(call.extInvBatch(withZero, 2, kernels.alloc(32))).toBe(0);
  });

  it("refuses non-canonical limbs on loading, in either limb", () => {
    const out = kernels.alloc(64);
    const load = (limbs: bigint[], degree: number): number =>
      call.loadElements(out, kernels.putElements(limbs), limbs.length / degree, degree);
    expect(load([0n, P - 1n], 1)).toBe(1);
    expect(load([0n, P], 1)).toBe(0);
    expect(load([1n, 2n ** 64n - 1n], 2)).toBe(0);
    expect(load([P, 1n], 2)).toBe(0);
    expect(load([P - 1n, P - 1n], 2)).toBe(1);
  });
});

describe("BLAKE3", () => {
  const input = Uint8Array.from({ length: 9000 }, (_, i) => i % 251);
  const hashOf = (length: number): string => {
    const out = kernels.alloc(32);
    call.hash(out, kernels.putBytes(input.subarray(0, length)), length);
    return Buffer.from(kernels.bytes(out, 32)).toString("hex");
  };

  /** First 32 bytes of the official vectors (input byte i = i mod 251). */
  it.each([
    [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
    [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
    [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
    [1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"],
    [2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"],
  ])("official vector of %i bytes", (length, hex) => {
    expect(hashOf(length)).toBe(hex);
  });

  it.each([63, 64, 65, 1023, 1984, 2024, 2049, 3072, 3073, 3968, 4096, 5121, 7936, 9000])("%i bytes", (length) => {
    expect(hashOf(length)).toBe(Buffer.from(blake3(input.subarray(0, length))).toString("hex"));
  });

  it("four lanes give what one gives, for every row length the proof system hashes", () => {
    for (const rowBytes of [8, 64, 72, 128, 144, 256, 1024, 1032, 1984, 2024, 2048, 2056]) {
      for (const count of [1, 2, 3, 4]) {
        const out = kernels.alloc(32 * 4);
        call.hashRows(out, kernels.putBytes(input.subarray(0, rowBytes * count)), rowBytes, count);
        for (let row = 0; row < count; row++) {
          const expected = blake3(input.subarray(row * rowBytes, (row + 1) * rowBytes));
          expect([...kernels.bytes(out + 32 * row, 32)]).toEqual([...expected]);
        }
      }
    }
  });

  it("a level of merges is its merges one by one, whatever the count and wherever the children lie", () => {
    const digests = kernels.putBytes(input.subarray(0, 32 * 40));
    for (let count = 1; count <= 9; count++) {
      const children = Array.from({ length: 2 * count }, (_, i) => digests + 32 * ((7 * i + 3 * count) % 40));
      const out = kernels.alloc(32 * (count + 1));
      kernels.bytes(out + 32 * count, 32).fill(0xaa);
      call.mergePairs(out, kernels.putWords(children), count);
      for (let i = 0; i < count; i++) {
        const [left, right] = [children[2 * i]!, children[2 * i + 1]!].map((at) => kernels.bytes(at, 32).slice());
        expect([...kernels.bytes(out + 32 * i, 32)]).toEqual([...blake3(Uint8Array.of(...left!, ...right!))]);
      }
      expect(kernels.bytes(out + 32 * count, 32).every((byte) => byte === 0xaa)).toBe(true);
    }
  });

  it("grinding finds the smallest nonce, across lane groups", () => {
    const seed = kernels.putBytes(input.subarray(0, 32));
    const zeroBits = (nonce: bigint): boolean => {
      const message = new Uint8Array(40);
      message.set(input.subarray(0, 32));
      new DataView(message.buffer).setBigUint64(32, nonce, true);
      return new DataView(blake3(message).buffer).getUint32(0, true) % 64 === 0;
    };
    let expected = 1n;
    while (!zeroBits(expected)) expected++;
    expect(call.grind(seed, 6, 1n, 1000)).toBe(expected);
    expect(call.grind(seed, 6, 1n, Number(expected) - 1)).toBe(0n);
  });
});

describe("transforms", () => {
  it("interpolate and extend as the model", () => {
    const mark = kernels.mark();
    const [logLength, width, length] = [4, 11, 16];
    const matrix = elements(width * length);
    const domain = new EvaluationDomain(kernels, logLength);
    const coefficients = domain.interpolate(kernels.putElements(matrix), width);
    const extended = domain.extend(coefficients, width);
    const point = (i: number): bigint => mod(7n * power(rootOfOrder(8), BigInt(i)));
    for (let column = 0; column < width; column++) {
      const expected = interpolate(
        Array.from({ length }, (_, row) => matrix[row * width + column]!),
        1n,
      );
      expect([...kernels.elements(coefficients + column * length * 8, length)]).toEqual(expected);
      for (const i of [0, 1, 15, 16, 100, 255]) {
        const value = kernels.elements(extended + (i * width + column) * 8, 1)[0];
        expect(value).toBe(evaluate(expected, [point(i), 0n])[0]);
      }
    }
    kernels.release(mark);
  });

  it("interpolate on the coset", () => {
    const values = elements(32);
    const column = interpolateOnCoset(kernels, kernels.putElements(values), 8, 5);
    expect([...kernels.elements(column, 32)]).toEqual(interpolate(values, 7n));
  });

  it.each([3, 4])("FRI folding by 2^%i is evaluation at alpha", (logFolding) => {
    const [folding, logDomain] = [2 ** logFolding, 8];
    const rowCount = 2 ** (logDomain - logFolding);
    const alpha: Ext = [element(), element()];
    const coefficients: [bigint[], bigint[]] = [elements(folding), elements(folding)];
    const positions = [0, 5, rowCount - 1];
    const rows = positions.flatMap((f) =>
      Array.from({ length: folding }, (_, j) => {
        const x = mod(7n * power(rootOfOrder(logDomain), BigInt(f + rowCount * j)));
        return coefficients.map((limb) => evaluate(limb, [x, 0n])[0]);
      }).flat(),
    );
    const out = kernels.alloc(16 * positions.length);
    const at = kernels.putElements(rows);
    call.foldRows(out, at, 3, logFolding, kernels.putWords(positions), logDomain, kernels.putElements(alpha));
    const [low, high] = coefficients.map((limb) => evaluate(limb, alpha)) as [Ext, Ext];
    const expected = [mod(low[0] - 2n * high[1]), mod(low[1] + high[0] + high[1])];
    for (let k = 0; k < 3; k++) expect([...kernels.elements(out + 16 * k, 2)]).toEqual(expected);
  });
});

describe("Rescue permutation (section 4)", () => {
  it("constants are the published ones", () => {
    const bytes = new Uint8Array(8 * 456);
    new BigUint64Array(bytes.buffer).set([...MDS, ...MDS_INVERSE, ...ROUND_CONSTANTS]);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "2936f26121c35c83d3a1922855d289ac0e6b6be4e31874cc13233239bc3adb5b",
    );
  });

  it("zero state and hashes of section 4.4", () => {
    const zero = permute(kernels, new Array<bigint>(12).fill(0n));
    expect(zero[0]).toBe(14983087722179734064n);
    expect(zero[11]).toBe(40581078784879985n);
    const count = (n: number): bigint[] => Array.from({ length: n }, (_, i) => BigInt(i));
    expect(rescueHash(kernels, count(8))).toEqual([
      14983087722179734064n,
      4229405945004495714n,
      13202451682540428444n,
      4065866428786910749n,
    ]);
    expect(rescueHash(kernels, count(9))[0]).toBe(248563364842110499n);
    expect(rescueHash(kernels, count(25))[3]).toBe(4147231754475617913n);
  });

  it("every state agrees with the model", () => {
    const input = [...EDGES, element(), element()];
    expect(permutationTrace(kernels, input)).toEqual(permutation(input));
  });

  it("finding F2: output lane i depends on input lane i alone, so hash([]) = hash([0])", () => {
    const base = elements(12);
    const reference = permute(kernels, base);
    for (let lane = 0; lane < 12; lane++) {
      const changed = permute(kernels, base.with(lane, mod(base[lane]! + 1n)));
      expect(changed.map((value, i) => value !== reference[i])).toEqual(base.map((_, i) => i === lane));
    }
    expect(rescueHash(kernels, [])).toEqual(rescueHash(kernels, [0n]));
  });
});

describe("arena", () => {
  it("is bounded: an allocation beyond the bound is an error, and the instance survives it", () => {
    const small = newKernels(1024 * 1024);
    const mark = small.mark();
    expect(() => small.alloc(2 * 1024 * 1024)).toThrow("kernel memory bound");
    expect(small.mark()).toBe(mark);
    expect(small.alloc(1000)).toBe(mark);
    expect(small).toBeInstanceOf(Kernels);
  });
});
