/**
 * Arithmetic mod p = 2^255 - 19, on two elements at once: one in each lane of 12 vectors (AssemblyScript).
 *
 * An element is the sum of 12 doubles. Limb i is a multiple of 2^at(i), at(i) = ceil(21.25 i), and carries that power of
 * two itself: a product lands where it belongs, and 2^255 = 19 is one multiplication by 19 * 2^-255. WebAssembly has no
 * 64 x 64 -> 128 bit product, and this form needs neither shifts nor masks. All of it is exact, because no sum here
 * has more than 53 significant bits:
 *
 * - `mul` leaves limbs of at most 1.001 * 2^(at(i + 1) - 1), called tight below.
 * - A sum of n tight elements has n times that. `mul` takes operands of n and m tight ones up to n * m = 16: column 0 then
 *   has 52.96 bits. The widest there is, `double`'s E F of 3 * 4, has 52.55.
 *
 * `test/unit/verify/ed25519-bounds.test.ts` proves it, by running this source on bounds.
 */

/** Bytes of a pair of elements. */
export const PAIR: usize = 192;

const LIMBS = 12;

/** 19 / 2^255: brings a product's part above 2^255 down. */
const FOLD: f64 = 19.0 * pow2(-255);

/** The second operand of `mul`: limbs 1 to 11 folded, then limbs 0 to 11. Column k needs 12 of these in a row. */
const factors = memory.data(23 * 16, 16);
const columns = memory.data(12 * 16, 16);
const t0 = memory.data(192, 16);
const t1 = memory.data(192, 16);
const t2 = memory.data(192, 16);

/** Exponent of limb `i`: ceil(21.25 i). */
// @ts-ignore: decorator
@inline
export function at(i: i32): i32 {
  return (85 * i + 3) >> 2;
}

// @ts-ignore: decorator
@inline
export function pow2(exponent: i32): f64 {
  return reinterpret<f64>(<u64>(1023 + exponent) << 52);
}

/** out = a * b. Any of them may be the same. */
export function mul(out: usize, a: usize, b: usize): void {
  const fold = f64x2.splat(FOLD);
  v128.store(factors, v128.load(b), 176);
  for (let i: usize = 16; i < PAIR; i += 16) {
    const limb = v128.load(b + i);
    v128.store(factors + i - 16, f64x2.mul(limb, fold));
    v128.store(factors + i, limb, 176);
  }
  sixColumns(columns, a, factors + 176);
  sixColumns(columns + 96, a, factors + 272);
  carry(out, columns);
}

/**
 * Six sums of a product, the k-th of limb(a, i) * factor(k - i) over all i. Two limbs of `a` at a time, so that each
 * factor is loaded once for both; six sums, so that all stays in registers.
 */
function sixColumns(out: usize, a: usize, factor: usize): void {
  let c0 = f64x2.splat(0), c1 = f64x2.splat(0), c2 = f64x2.splat(0);
  let c3 = f64x2.splat(0), c4 = f64x2.splat(0), c5 = f64x2.splat(0);
  for (const end = a + PAIR; a < end; a += 32) {
    const even = v128.load(a), odd = v128.load(a, 16);
    let x = v128.load(factor - 16);
    c0 = f64x2.add(c0, f64x2.mul(odd, x));
    x = v128.load(factor);
    c0 = f64x2.add(c0, f64x2.mul(even, x)); c1 = f64x2.add(c1, f64x2.mul(odd, x));
    x = v128.load(factor, 16);
    c1 = f64x2.add(c1, f64x2.mul(even, x)); c2 = f64x2.add(c2, f64x2.mul(odd, x));
    x = v128.load(factor, 32);
    c2 = f64x2.add(c2, f64x2.mul(even, x)); c3 = f64x2.add(c3, f64x2.mul(odd, x));
    x = v128.load(factor, 48);
    c3 = f64x2.add(c3, f64x2.mul(even, x)); c4 = f64x2.add(c4, f64x2.mul(odd, x));
    x = v128.load(factor, 64);
    c4 = f64x2.add(c4, f64x2.mul(even, x)); c5 = f64x2.add(c5, f64x2.mul(odd, x));
    x = v128.load(factor, 80);
    c5 = f64x2.add(c5, f64x2.mul(even, x));
    factor -= 32;
  }
  v128.store(out, c0); v128.store(out, c1, 16); v128.store(out, c2, 32);
  v128.store(out, c3, 48); v128.store(out, c4, 64); v128.store(out, c5, 80);
}

/** The multiple of 2^at(i + 1) nearest to `limb`: what goes to the next one. Adding 1.5 * 2^52 such units rounds. */
// @ts-ignore: decorator
@inline
function excess(limb: v128, i: i32): v128 {
  const rounder = f64x2.splat(3 * pow2(51 + at(i + 1)));
  return f64x2.sub(f64x2.add(limb, rounder), rounder);
}

/** Makes limbs tight: of a product's columns, or of a sum. Four chains of three limbs side by side, then one step more for what the third handed on. */
export function carry(out: usize, a: usize): void {
  let c0 = v128.load(a), c1 = v128.load(a, 16), c2 = v128.load(a, 32), c3 = v128.load(a, 48);
  let c4 = v128.load(a, 64), c5 = v128.load(a, 80), c6 = v128.load(a, 96), c7 = v128.load(a, 112);
  let c8 = v128.load(a, 128), c9 = v128.load(a, 144), c10 = v128.load(a, 160), c11 = v128.load(a, 176);
  let w = excess(c0, 0), x = excess(c3, 3), y = excess(c6, 6), z = excess(c9, 9);
  c0 = f64x2.sub(c0, w); c3 = f64x2.sub(c3, x); c6 = f64x2.sub(c6, y); c9 = f64x2.sub(c9, z);
  c1 = f64x2.add(c1, w); c4 = f64x2.add(c4, x); c7 = f64x2.add(c7, y); c10 = f64x2.add(c10, z);
  w = excess(c1, 1), x = excess(c4, 4), y = excess(c7, 7), z = excess(c10, 10);
  c1 = f64x2.sub(c1, w); c4 = f64x2.sub(c4, x); c7 = f64x2.sub(c7, y); c10 = f64x2.sub(c10, z);
  c2 = f64x2.add(c2, w); c5 = f64x2.add(c5, x); c8 = f64x2.add(c8, y); c11 = f64x2.add(c11, z);
  w = excess(c2, 2), x = excess(c5, 5), y = excess(c8, 8), z = excess(c11, 11);
  c2 = f64x2.sub(c2, w); c5 = f64x2.sub(c5, x); c8 = f64x2.sub(c8, y); c11 = f64x2.sub(c11, z);
  c3 = f64x2.add(c3, w); c6 = f64x2.add(c6, x); c9 = f64x2.add(c9, y); c0 = f64x2.add(c0, f64x2.mul(z, f64x2.splat(FOLD)));
  w = excess(c0, 0), x = excess(c3, 3), y = excess(c6, 6), z = excess(c9, 9);
  v128.store(out, f64x2.sub(c0, w)); v128.store(out, f64x2.add(c1, w), 16); v128.store(out, c2, 32);
  v128.store(out, f64x2.sub(c3, x), 48); v128.store(out, f64x2.add(c4, x), 64); v128.store(out, c5, 80);
  v128.store(out, f64x2.sub(c6, y), 96); v128.store(out, f64x2.add(c7, y), 112); v128.store(out, c8, 128);
  v128.store(out, f64x2.sub(c9, z), 144); v128.store(out, f64x2.add(c10, z), 160); v128.store(out, c11, 176);
}

/** (v0, v1) -> (v1 - v0, v0 + v1): two additions of an Edwards formula at once. Twice as wide as `a`. */
export function cross(out: usize, a: usize): void {
  const sign = f64x2(-1, 1);
  for (let i: usize = 0; i < PAIR; i += 16) {
    const limb = v128.load(a + i);
    v128.store(out + i, f64x2.add(swapped(limb), f64x2.mul(limb, sign)));
  }
}

// @ts-ignore: decorator
@inline
export function swapped(limb: v128): v128 {
  return v128.shuffle<f64>(limb, limb, 1, 0);
}

/** out = (first lane of a, first lane of b) and (second of a, second of b). */
export function zip(firsts: usize, seconds: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < PAIR; i += 16) {
    const x = v128.load(a + i), y = v128.load(b + i);
    v128.store(firsts + i, v128.shuffle<f64>(x, y, 0, 2));
    v128.store(seconds + i, v128.shuffle<f64>(x, y, 1, 3));
  }
}

/** The second lane of `a` in both. */
export function secondTwice(out: usize, a: usize): void {
  for (let i: usize = 0; i < PAIR; i += 16) {
    const limb = v128.load(a + i);
    v128.store(out + i, v128.shuffle<f64>(limb, limb, 1, 1));
  }
}

/** Small integers. */
export function setSmall(out: usize, first: f64, second: f64): void {
  memory.fill(out, 0, PAIR);
  v128.store(out, f64x2(first, second));
}

function squareTimes(out: usize, a: usize, times: i32): void {
  mul(out, a, a);
  while (--times > 0) mul(out, out, out);
}

/** out = a^(2^252 - 3), the common part of inverses and square roots. `out` must not be `a`. */
export function powRoot(out: usize, a: usize): void {
  squareTimes(t0, a, 1);
  squareTimes(t1, t0, 2);
  mul(t1, a, t1);
  mul(t0, t0, t1);
  mul(t0, t0, t0);
  mul(t0, t1, t0); // 2^5 - 1
  squareTimes(t1, t0, 5);
  mul(t0, t1, t0); // 2^10 - 1
  squareTimes(t1, t0, 10);
  mul(t1, t1, t0); // 2^20 - 1
  squareTimes(t2, t1, 20);
  mul(t1, t2, t1); // 2^40 - 1
  squareTimes(t1, t1, 10);
  mul(t0, t1, t0); // 2^50 - 1
  squareTimes(t1, t0, 50);
  mul(t1, t1, t0); // 2^100 - 1
  squareTimes(t2, t1, 100);
  mul(t1, t2, t1); // 2^200 - 1
  squareTimes(t1, t1, 50);
  mul(t0, t1, t0); // 2^250 - 1
  squareTimes(t0, t0, 2);
  mul(out, t0, a); // 2^252 - 3
}

/** out = 1 / a, and 0 for 0. `out` must not be `a`. */
export function invert(out: usize, a: usize): void {
  // p - 2 = 8 (2^252 - 3) + 3
  powRoot(out, a);
  squareTimes(out, out, 3);
  mul(out, out, a);
  mul(out, out, a);
  mul(out, out, a);
}

/** Both lanes = the 255 low bits of the 32 bytes, little-endian. */
export function fromBytes(out: usize, bytes: usize): void {
  for (let i = 0; i < LIMBS; i++) {
    const low = at(i), bits = at(i + 1) - low;
    let word = load<u64>(bytes + ((low >> 6) << 3)) >> (low & 63);
    if ((low & 63) + bits > 64) word |= load<u64>(bytes + ((low >> 6) << 3), 8) << (64 - (low & 63));
    const limb = <f64>(word & ((<u64>1 << bits) - 1)) * pow2(low);
    v128.store(columns + (<usize>i << 4), f64x2.splat(limb));
  }
  carry(out, columns);
}

const limbs = memory.data(12 * 8, 8);

/** The canonical 32 bytes, little-endian, of a tight element in the lane whose offset is 0 or 8 bytes. */
export function toBytes(bytes: usize, a: usize, lane: usize): void {
  for (let i = 0; i < LIMBS; i++) {
    store<i64>(limbs + (<usize>i << 3), <i64>(load<f64>(a + (<usize>i << 4) + lane) * pow2(-at(i))));
  }
  // The value is between -1.002 * 2^254 and as much. The first round adds p to one below 0, the second brings what that took
  // from limb 0 into its width: 0 <= value < p.
  fold();
  fold();
  for (let i = 0; i < 4; i++) store<u64>(bytes + (<usize>i << 3), 0);
  for (let i = 0; i < LIMBS; i++) {
    const low = at(i), word = bytes + ((low >> 6) << 3);
    const limb = load<u64>(limbs + (<usize>i << 3));
    store<u64>(word, load<u64>(word) | (limb << (low & 63)));
    if ((low & 63) + at(i + 1) - low > 64) store<u64>(word, limb >> (64 - (low & 63)), 8);
  }
}

/** Brings each of `limbs` into its width and folds what is above bit 255. */
function fold(): void {
  let over: i64 = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = load<i64>(limbs + (<usize>i << 3)) + over;
    const bits = at(i + 1) - at(i);
    store<i64>(limbs + (<usize>i << 3), limb & ((<i64>1 << bits) - 1));
    over = limb >> bits;
  }
  store<i64>(limbs, load<i64>(limbs) + 19 * over);
}
