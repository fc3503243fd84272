/** Proof, by running their source on bounds, that nothing the Ed25519 kernels compute is ever rounded. */
import { describe, expect, it } from "vitest";
import { at, KernelBounds, LIMBS, tight } from "../../support/kernel-bounds.js";

const TABLE_BYTES = 36_864;

describe("the Ed25519 kernels", () => {
  it.each([
    [1, 16],
    [16, 1],
    [3, 4],
    [4, 4],
  ])("multiply operands of %i and %i tight ones exactly, and leave a tight one", (n, m) => {
    const bounds = new KernelBounds();
    const out = bounds.allot(192);
    bounds.field.mul!(out, bounds.pair(n), bounds.pair(m));
    bounds.assertTightPair(out);
    expect(bounds.widest).toBeGreaterThan(52);
  });

  it("would not multiply wider ones", () => {
    const bounds = new KernelBounds();
    expect(() => bounds.field.mul!(bounds.allot(192), bounds.pair(1), bounds.pair(17))).toThrow("bits");
    expect(() => bounds.field.mul!(bounds.allot(192), bounds.pair(5), bounds.pair(4))).toThrow("bits");
  });

  it("build the table of any 32 bytes, and verify with it, exactly", () => {
    const bounds = new KernelBounds();
    bounds.index.start!();
    const table = bounds.allot(TABLE_BYTES);
    const encoding = bounds.allot(32);
    // Both ways through `decodeNegated`: the first candidate is the root, or needs the root of -1.
    for (const isRoot of [true, false]) {
      const before = bounds.encodings;
      bounds.load = () => Number(!isRoot && bounds.encodings === before + 1);
      expect(bounds.comb.buildTable!(table, encoding)).toBe(true);
    }
    bounds.load = (_, offset) => (offset === 128 ? table : 0);
    const before = bounds.encodings;
    bounds.index.verify!(bounds.allot(3 * 144), 3);
    expect(bounds.encodings - before).toBe(6);
    // `double`'s E F, of 3 * 4: 53 are what there is.
    expect(bounds.widest).toBeGreaterThan(52.5);
    expect(bounds.widest).toBeLessThan(52.6);
  });

  it.each([
    ["point", "carry(difference, difference);", ""],
    ["field", "w = excess(c0, 0), x = excess(c3, 3), y = excess(c6, 6), z = excess(c9, 9);\n  v128", "v128"],
    ["field", "return (85 * i + 3) >> 2", "return (85 * i + 2) >> 2"],
    ["point", "f64x2.sub(difference, v128", "f64x2.sub(f64x2.add(difference, difference), v128"],
  ])("are seen to round where %s lacks what its bounds rest on", (file, from, to) => {
    const run = (): void => {
      const bounds = new KernelBounds((name, source) => (name === file ? source.replace(from, to) : source));
      bounds.index.start!();
    };
    expect(run).toThrow(/ bits|not tight|binade|not fit/);
  });

  it("give `toBytes` values that one fold of the sign makes canonical", () => {
    const value = Array.from({ length: LIMBS }, (_, i) => tight(i)).reduce((sum, limb) => sum + limb);
    expect(value).toBeLessThan(1.002 * 2 ** 254);
    expect(at(LIMBS)).toBe(255);
  });
});
