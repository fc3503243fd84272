/**
 * Runs the Ed25519 kernels' own source on bounds instead of numbers: every double is known only as a multiple of 2^unit
 * between -max and max, for all inputs at once. A sum or product that might not fit the 53 bits of a double throws; so a
 * run that ends is a proof that every operation in it is exact, whatever the values were.
 *
 * Left out are integers (`fromBytes`, `toBytes`, scalars, SHA-512): their bounds stand in here, the functions have tests.
 */
import { readFileSync } from "node:fs";
import { compileFunction } from "node:vm";
import { transformSync } from "esbuild";

export const LIMBS = 12;
/** Exponent of limb i. */
export const at = (i: number): number => Math.ceil(21.25 * i);
/** What `field.ts` calls tight: the largest limb i of a product. */
export const tight = (i: number): number => 1.001 * 2 ** (at(i + 1) - 1);

/** A multiple of 2^unit between -max and max. */
export interface Bound {
  readonly max: number;
  readonly unit: number;
  /** The value itself, where it is known. */
  readonly value?: number;
  /** This is `of` plus a rounder, or what is left of that without it: the multiple of 2^unit next to `of`. */
  readonly rounded?: { readonly of: Bound; readonly rounder: number; readonly isNear: boolean };
}

type Vector = readonly Bound[];
type Address = number;
type Exports = Record<string, (...args: number[]) => unknown>;

const ZERO: Bound = { max: 0, unit: Number.POSITIVE_INFINITY, value: 0 };
/** Bounds are computed in doubles too; this is more than their own rounding takes. */
const SLACK = 1 + 2 ** -50;

function constant(value: number): Bound {
  if (value === 0) return ZERO;
  let unit = Math.floor(Math.log2(Math.abs(value))) - 52;
  while (Number.isInteger(value / 2 ** (unit + 1))) unit += 1;
  return { max: Math.abs(value), unit, value };
}

/** 3 * 2^(51 + e) as `excess` adds it: e. No other constant is three times a power of two. */
function rounderUnit(y: Bound): number | null {
  const power = Math.log2((y.value ?? 0) / 3);
  return Number.isInteger(power) ? power - 51 : null;
}

export class KernelBounds {
  /** Of the widest result so far, in bits. */
  widest = 0;
  /** What `load` of an integer answers: the addresses are data the bounds do not depend on. */
  load: (address: Address, offset: number) => number = () => 0;
  readonly field: Exports;
  readonly point: Exports;
  readonly comb: Exports;
  readonly index: Exports;
  /** Calls of `toBytes`: each was of a tight element. */
  encodings = 0;
  readonly #doubles = new Map<Address, Bound>();
  readonly #words = new Map<Address, Bound>();
  #free = 64;
  #table: Address = 0;

  /** `change` may alter a file's source first. */
  constructor(change: (file: string, source: string) => string = (_, source) => source) {
    const loaded = new Map<string, Exports>();
    const load = (file: string): Exports => {
      const known = loaded.get(file);
      if (known !== undefined) return known;
      const url = new URL(`../../src/verify/ed25519-kernels/${file.slice(2)}.ts`, import.meta.url);
      const source = change(file.slice(2), readFileSync(url, "utf8")).replaceAll("\n@inline\n", "\n");
      const module = { exports: {} };
      const globals = { ...this.#instructions(), require: load, module, __heap_base: 0 };
      const { code } = transformSync(source, { loader: "ts", format: "cjs" });
      compileFunction(code, Object.keys(globals))(...Object.values(globals));
      const exports: Exports = { ...module.exports };
      loaded.set(file, exports);
      return exports;
    };
    this.field = load("./field");
    this.field.fromBytes = (out) => {
      const digits = this.allot(192);
      this.fill(digits, (i) => ({ max: 2 ** at(i + 1) - 2 ** at(i), unit: at(i) }));
      this.field.carry!(out!, digits);
    };
    this.field.toBytes = (_, a, lane) => {
      this.encodings += 1;
      for (let i = 0; i < LIMBS; i++) this.#assertTight(i, this.#double(a! + 16 * i + lane!));
    };
    const scalar = load("./scalar");
    scalar.reduce = scalar.recode = scalar.recodedOrder = () => {};
    load("./sha512").sha512Of96 = () => {};
    this.point = load("./point");
    this.comb = load("./comb");
    const { buildTable } = this.comb;
    this.comb.buildTable = (table, encoding) => {
      this.#table = table!;
      return buildTable!(table!, encoding!);
    };
    // Asked for between a table's making and its first use.
    scalar.recodedOrder = () => this.#forgetPlaces();
    this.index = load("./index");
  }

  /** Room for `bytes`. */
  allot(bytes: number): Address {
    const address = this.#free;
    this.#free += (bytes + 15) & ~15;
    return address;
  }

  /** Sets limb i of both elements of a pair. */
  fill(pair: Address, limb: (i: number) => Bound): void {
    for (let i = 0; i < 2 * LIMBS; i++) this.#doubles.set(pair + 8 * i, limb(i >> 1));
  }

  /** A pair `wide` times as large as tight ones. */
  pair(wide: number): Address {
    const pair = this.allot(192);
    this.fill(pair, (i) => ({ max: wide * tight(i), unit: at(i) }));
    return pair;
  }

  assertTightPair(pair: Address): void {
    for (let i = 0; i < 2 * LIMBS; i++) this.#assertTight(i >> 1, this.#double(pair + 8 * i));
  }

  /** Gives all entries of the table just made the bounds of their widest: which one is read, and with which sign, is then no matter. */
  #forgetPlaces(): void {
    const [ENTRY, ENTRIES] = [144, 256];
    // A word of y - x and the one of y + x, which a sign swaps; or one of 2 d x y.
    const groups = Array.from({ length: 24 }, (_, i) => (i < 12 ? [8 * i, 8 * i + 4] : [96 + 4 * (i - 12)]));
    for (const group of groups) {
      const all = Array.from({ length: ENTRIES }, (_, i) => group.map((word) => this.#table + i * ENTRY + word)).flat();
      const max = Math.max(...all.map((address) => this.#word(address).max));
      for (const address of all) this.#words.set(address, { max, unit: 0 });
    }
  }

  #assertTight(i: number, limb: Bound): void {
    if (limb.max > tight(i) || limb.unit < at(i)) throw new Error(`limb ${i} is not tight: ${limb.max / tight(i)}`);
  }

  #double(address: Address): Bound {
    const bound = this.#doubles.get(address);
    if (bound === undefined) throw new Error(`nothing was stored at ${address}`);
    return bound;
  }

  #word(address: Address): Bound {
    const bound = this.#words.get(address);
    if (bound === undefined) throw new Error(`no word was stored at ${address}`);
    return bound;
  }

  /** Fits a double, or throws. */
  #exact(max: number, unit: number): Bound {
    if (max === 0) return ZERO;
    const bits = Math.log2(max) - unit;
    if (max > 2 ** (53 + unit) || unit < -1022 || max > 2 ** 1023) throw new Error(`${bits} bits`);
    this.widest = Math.max(this.widest, bits);
    return { max, unit };
  }

  #add(x: Bound, y: Bound): Bound {
    const unit = rounderUnit(y);
    if (unit === null) return this.#exact((x.max + y.max) * SLACK, Math.min(x.unit, y.unit));
    // Between 2^52 and 2^53 units the doubles are the multiples of a unit: the sum is rounded to one.
    if (x.max > 2 ** (51 + unit)) throw new Error("a limb leaves the rounder's binade");
    return { max: y.max + x.max, unit, rounded: { of: x, rounder: y.value!, isNear: false } };
  }

  #sub(x: Bound, y: Bound): Bound {
    if (x.rounded !== undefined && x.rounded.rounder === y.value) {
      const near = 2 ** x.unit * Math.floor(x.rounded.of.max / 2 ** x.unit + 0.5);
      return { max: near, unit: x.unit, rounded: { ...x.rounded, isNear: true } };
    }
    if (y.rounded?.isNear === true && y.rounded.of === x) {
      return { max: Math.min(x.max, 2 ** (y.unit - 1)), unit: x.unit };
    }
    return this.#add(x, { max: y.max, unit: y.unit });
  }

  #mul(x: Bound, y: Bound): Bound {
    return this.#exact(x.max * y.max * SLACK, x.unit + y.unit);
  }

  /** What the source takes for granted: WebAssembly's instructions on bounds. */
  #instructions() {
    const zipped = (op: (x: Bound, y: Bound) => Bound) => (a: Vector, b: Vector) => [
      op(a[0]!, b[0]!),
      op(a[1]!, b[1]!),
    ];
    const read = (address: Address, offset = 0): Vector => [
      this.#double(address + offset),
      this.#double(address + offset + 8),
    ];
    const write = (address: Address, [low, high]: Vector, offset = 0): void => {
      this.#doubles.set(address + offset, low!).set(address + offset + 8, high!);
    };
    const f64x2 = Object.assign((x: number, y: number) => [constant(x), constant(y)], {
      splat: (x: number) => [constant(x), constant(x)],
      add: zipped((x, y) => this.#add(x, y)),
      sub: zipped((x, y) => this.#sub(x, y)),
      mul: zipped((x, y) => this.#mul(x, y)),
      neg: (a: Vector) => a.map(({ max, unit }) => ({ max, unit })),
      convert_low_i32x4_s: (a: Vector) => a.slice(0, 2),
    });
    const v128 = {
      load: read,
      store: write,
      shuffle: (a: Vector, b: Vector, ...lanes: number[]) => lanes.map((lane) => [...a, ...b][lane]!),
      bitselect: (a: Vector, b: Vector, mask: number) => (mask === 0 ? b : a),
      store64_lane: (address: Address, a: Vector) => this.#words.set(address, a[0]!).set(address + 4, a[1]!),
      store32_lane: (address: Address, a: Vector) => this.#words.set(address, a[0]!),
      load64_zero: (address: Address) => [this.#word(address), this.#word(address + 4), ZERO, ZERO],
      load32_zero: (address: Address) => [this.#word(address), ZERO, ZERO, ZERO],
    };
    const truncated = (x: Bound): Bound => {
      if (x.max > 2 ** 31 - 1 || x.unit < 0) throw new Error("a limb does not fit a word");
      return x;
    };
    return {
      f64x2,
      v128,
      i64x2: { splat: (x: number) => x },
      i32x4: { trunc_sat_f64x2_s_zero: (a: Vector) => [...a.map(truncated), ZERO, ZERO] },
      memory: {
        data: (content: number | readonly number[]) =>
          this.allot(typeof content === "number" ? content : 8 * content.length),
        fill: (address: Address, _: number, bytes: number) => {
          for (let i = 0; i < bytes; i += 8) this.#doubles.set(address + i, ZERO);
        },
        copy: (to: Address, from: Address, bytes: number) => {
          for (let i = 0; i < bytes; i += 8) {
            const bound = this.#doubles.get(from + i);
            if (bound !== undefined) this.#doubles.set(to + i, bound);
          }
        },
      },
      load: (address: Address, offset = 0) => this.load(address, offset),
      store: (address: Address, value: number, offset = 0) => this.#doubles.set(address + offset, constant(value)),
      // pow2 shifts by 52; the shift of a JavaScript number takes that as 20, which makes the upper half of the double.
      reinterpret: (upper: number) => new Float64Array(new Int32Array([0, upper]).buffer)[0]!,
      ctz: (x: number) => 31 - Math.clz32(x & -x),
    };
  }
}
