/**
 * Points of the curve -x^2 + y^2 = 1 + d x^2 y^2 in extended coordinates (Hisil, Wong, Carter and Dawson 2008), two
 * coordinates to a vector: the pairs (X, Y) and (T, Z), x = X / Z, y = Y / Z, T = X Y / Z. The formulas are complete: no
 * case needs a branch (AssemblyScript).
 */
import { PAIR, carry, cross, fromBytes, invert, mul, powRoot, secondTwice, setSmall, swapped, toBytes, zip } from "./field";

/** Bytes of a point, and of a point made ready to be added: (Y - X, Y + X) and (2 d T, 2 Z). */
export const POINT: usize = 2 * PAIR;

const D = memory.data<u64>([0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73]);
const ROOT_OF_MINUS_1 = memory.data<u64>([0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7, 0x2b8324804fc1df0b]);

const IDENTITY = memory.data<u64>([1, 0, 0, 0]);

/** (2 d, 2). */
const twiceD = memory.data(192, 16);
/** (E, H) and (F, G) of the formulas. */
const eh = memory.data(192, 16);
const fg = memory.data(192, 16);
const ef = memory.data(192, 16);
const hg = memory.data(192, 16);

/** To be called once, before anything else. */
export function startPoints(): void {
  fromBytes(twiceD, D);
  for (let i: usize = 0; i < PAIR; i += 16) {
    const limb = v128.load(twiceD + i);
    v128.store(twiceD + i, f64x2.add(limb, limb));
  }
  carry(twiceD, twiceD);
  for (let i: usize = 0; i < PAIR; i += 16) store<f64>(twiceD + i, i == 0 ? 2 : 0, 8);
}

export function setIdentity(p: usize): void {
  setSmall(p, 0, 1);
  setSmall(p + PAIR, 0, 1);
}

/** X3 = E F, Y3 = G H, T3 = E H, Z3 = F G. */
function combine(p: usize): void {
  zip(ef, hg, eh, fg);
  mul(p, eh, fg);
  mul(p + PAIR, ef, hg);
}

/** p += q, q made ready by `toAddend` or read from a table. */
export function add(p: usize, q: usize): void {
  cross(eh, p);
  mul(eh, eh, q);
  cross(eh, eh);
  mul(fg, p + PAIR, q + PAIR);
  cross(fg, fg);
  combine(p);
}

/** p += p. E is three tight elements wide and F four: their product is the widest there is here. */
export function double(p: usize): void {
  mul(eh, p, p);
  for (let i: usize = 0; i < PAIR; i += 16) {
    const xy = v128.load(p + i);
    v128.store(fg + i, v128.shuffle<f64>(f64x2.add(xy, swapped(xy)), v128.load(p + PAIR + i), 0, 3));
  }
  mul(fg, fg, fg);
  const zero = f64x2.splat(0);
  for (let i: usize = 0; i < PAIR; i += 16) {
    // (X^2, Y^2), ((X + Y)^2, Z^2)
    const squares = v128.load(eh + i), others = v128.load(fg + i);
    const sum = f64x2.add(squares, swapped(squares));
    const difference = f64x2.sub(v128.shuffle<f64>(squares, squares, 1, 1), v128.shuffle<f64>(squares, squares, 0, 0));
    // E = (X + Y)^2 - X^2 - Y^2, H = -X^2 - Y^2; G = Y^2 - X^2, F = G - 2 Z^2
    v128.store(eh + i, f64x2.sub(v128.shuffle<f64>(others, zero, 0, 2), sum));
    v128.store(fg + i, f64x2.sub(difference, v128.shuffle<f64>(f64x2.add(others, others), zero, 1, 2)));
  }
  combine(p);
}

export function toAddend(out: usize, p: usize): void {
  cross(out, p);
  mul(out + PAIR, p + PAIR, twiceD);
}

/** Turns an addend into that of -q. */
export function negateAddend(q: usize): void {
  const sign = f64x2(-1, 1);
  for (let i: usize = 0; i < PAIR; i += 16) {
    v128.store(q + i, swapped(v128.load(q + i)));
    v128.store(q + PAIR + i, f64x2.mul(v128.load(q + PAIR + i), sign));
  }
}

const running = memory.data(192, 16);
const inverse = memory.data(192, 16);
const z = memory.data(192, 16);

/**
 * Replaces (X, Y) of `count` points by (x, y) with one inversion for all of them. `products` has room for as many pairs.
 * No Z is 0 (the formulas are complete).
 */
export function toAffine(points: usize, products: usize, count: i32): void {
  setSmall(running, 1, 1);
  for (let i = 0; i < count; i++) {
    memory.copy(products + <usize>i * PAIR, running, PAIR);
    secondTwice(z, points + <usize>i * POINT + PAIR);
    mul(running, running, z);
  }
  invert(inverse, running);
  for (let i = count - 1; i >= 0; i--) {
    const p = points + <usize>i * POINT;
    const product = products + <usize>i * PAIR;
    mul(product, product, inverse);
    secondTwice(z, p + PAIR);
    mul(inverse, inverse, z);
    mul(p, p, product);
  }
}

/** (2 d x y, 2 x y) of (x, y), tight. */
export function twiceDxy(out: usize, xy: usize): void {
  for (let i: usize = 0; i < PAIR; i += 16) v128.store(out + i, swapped(v128.load(xy + i)));
  mul(out, out, xy);
  mul(out, out, twiceD);
}

const encoded = memory.data(32, 8);

/** Are the 32 bytes at `encoding` the canonical ones of the point (x, y)? */
export function isEncoding(encoding: usize, xy: usize): bool {
  toBytes(encoded, xy, 0);
  const sign = load<u8>(encoded) & 1;
  toBytes(encoded, xy, 8);
  store<u8>(encoded, load<u8>(encoded, 31) | (sign << 7), 31);
  return (
    load<u64>(encoded) == load<u64>(encoding) &&
    load<u64>(encoded, 8) == load<u64>(encoding, 8) &&
    load<u64>(encoded, 16) == load<u64>(encoding, 16) &&
    load<u64>(encoded, 24) == load<u64>(encoding, 24)
  );
}

/** Is the affine (x, y) the neutral element, (0, 1)? */
export function isIdentity(xy: usize): bool {
  return isEncoding(IDENTITY, xy);
}

const y = memory.data(192, 16);
const u = memory.data(192, 16);
const v = memory.data(192, 16);
const x = memory.data(192, 16);
const s = memory.data(192, 16);

/** Minus the point that 32 bytes encode (RFC 8032 §5.1.3), its y taken mod p. False = there is none. */
export function decodeNegated(out: usize, encoding: usize): bool {
  fromBytes(y, encoding);
  mul(u, y, y);
  fromBytes(s, D);
  mul(v, u, s);
  addSmall(u, -1);
  addSmall(v, 1);
  // x = u v^3 (u v^7)^((p - 5) / 8)
  mul(s, v, v);
  mul(s, s, v);
  mul(x, s, s);
  mul(x, x, v);
  mul(x, x, u);
  powRoot(y, x);
  mul(x, y, s);
  mul(x, x, u);
  // v x^2 = u, or -u and a root of -1 is missing, or u / v is not a square.
  mul(s, x, x);
  mul(s, s, v);
  if (!areEqual(s, u, -1)) {
    if (!areEqual(s, u, 1)) return false;
    fromBytes(s, ROOT_OF_MINUS_1);
    mul(x, x, s);
  }
  toBytes(encoded, x, 0);
  if ((load<u8>(encoded) & 1) == load<u8>(encoding, 31) >> 7) negate(x);
  fromBytes(y, encoding);
  setSmall(s, 1, 1);
  zip(out, u, x, y);
  mul(u, x, y);
  zip(out + PAIR, v, u, s);
  return true;
}

function addSmall(a: usize, value: f64): void {
  v128.store(a, f64x2.add(v128.load(a), f64x2.splat(value)));
}

function negate(a: usize): void {
  for (let i: usize = 0; i < PAIR; i += 16) v128.store(a + i, f64x2.neg(v128.load(a + i)));
}

const difference = memory.data(192, 16);

/** Is a + sign * b = 0 in the first lane? */
function areEqual(a: usize, b: usize, sign: f64): bool {
  for (let i: usize = 0; i < PAIR; i += 16) {
    v128.store(difference + i, f64x2.add(v128.load(a + i), f64x2.mul(v128.load(b + i), f64x2.splat(sign))));
  }
  carry(difference, difference);
  toBytes(encoded, difference, 0);
  return (load<u64>(encoded) | load<u64>(encoded, 8) | load<u64>(encoded, 16) | load<u64>(encoded, 24)) == 0;
}
