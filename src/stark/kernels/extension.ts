/**
 * Quadratic extension a + b*phi, phi^2 = phi - 2 (AssemblyScript; section 1.3). An element occupies 16 bytes: a, then b.
 * The base field is the case b = 0, so one code path serves both degrees; only loading, drawing and hashing know d.
 */
import { P, add, inv, mul, sub } from "./field";

// @ts-ignore: decorator
@inline
export function extAdd(out: usize, x: usize, y: usize): void {
  const a = add(load<u64>(x), load<u64>(y));
  const b = add(load<u64>(x, 8), load<u64>(y, 8));
  store<u64>(out, a);
  store<u64>(out, b, 8);
}

// @ts-ignore: decorator
@inline
export function extSub(out: usize, x: usize, y: usize): void {
  const a = sub(load<u64>(x), load<u64>(y));
  const b = sub(load<u64>(x, 8), load<u64>(y, 8));
  store<u64>(out, a);
  store<u64>(out, b, 8);
}

/** (a + b phi)(c + d phi) = (ac - 2bd) + ((a+b)(c+d) - ac) phi. `out` may alias an input. */
export function extMul(out: usize, x: usize, y: usize): void {
  const a = load<u64>(x);
  const b = load<u64>(x, 8);
  const c = load<u64>(y);
  const d = load<u64>(y, 8);
  const ac = mul(a, c);
  const bd = mul(b, d);
  const cross = mul(add(a, b), add(c, d));
  store<u64>(out, sub(ac, add(bd, bd)));
  store<u64>(out, sub(cross, ac), 8);
}

/** Inverse = conjugate / norm, with 0 -> 0. */
export function extInv(out: usize, x: usize): void {
  const a = load<u64>(x);
  const b = load<u64>(x, 8);
  const bb = mul(b, b);
  const norm = add(add(mul(a, a), mul(a, b)), add(bb, bb));
  const scale = inv(norm);
  store<u64>(out, mul(add(a, b), scale));
  store<u64>(out, mul(sub(0, b), scale), 8);
}

// @ts-ignore: decorator
@inline
export function extMulBase(out: usize, x: usize, scalar: u64): void {
  const a = mul(load<u64>(x), scalar);
  const b = mul(load<u64>(x, 8), scalar);
  store<u64>(out, a);
  store<u64>(out, b, 8);
}

/** x raised to 2^k by k squarings. */
export function extPow2k(out: usize, x: usize, k: u32): void {
  store<u64>(out, load<u64>(x));
  store<u64>(out, load<u64>(x, 8), 8);
  for (let i: u32 = 0; i < k; i++) extMul(out, out, out);
}

/**
 * Inverts `count` elements in place with one field inversion (Montgomery's trick); `scratch` holds count elements.
 * Returns 0 and leaves the contents unspecified if any element is zero.
 */
export function extInvBatch(values: usize, count: u32, scratch: usize): u32 {
  if (count == 0) return 1;
  copyElement(scratch, values);
  for (let i: u32 = 1; i < count; i++) extMul(scratch + (i << 4), scratch + ((i - 1) << 4), values + (i << 4));
  const running = memory.data(16);
  const current = memory.data(16);
  const last = scratch + ((count - 1) << 4);
  if ((load<u64>(last) | load<u64>(last, 8)) == 0) return 0;
  extInv(running, last);
  for (let i = count - 1; i > 0; i--) {
    copyElement(current, values + (i << 4));
    extMul(values + (i << 4), running, scratch + ((i - 1) << 4));
    extMul(running, running, current);
  }
  copyElement(values, running);
  return 1;
}

// @ts-ignore: decorator
@inline
export function copyElement(out: usize, x: usize): void {
  store<u64>(out, load<u64>(x));
  store<u64>(out, load<u64>(x, 8), 8);
}

/** Reads `count` elements of `degree` limbs from wire bytes into 16-byte form. Returns 0 if any limb is >= p. */
export function loadElements(out: usize, wire: usize, count: u32, degree: u32): u32 {
  let canonical: u32 = 1;
  for (let i: u32 = 0; i < count; i++) {
    const a = load<u64>(wire);
    const b = degree == 2 ? load<u64>(wire, 8) : 0;
    canonical &= u32(a < P) & u32(b < P);
    store<u64>(out, a);
    store<u64>(out, b, 8);
    wire += degree << 3;
    out += 16;
  }
  return canonical;
}

/** Writes `count` 16-byte elements as wire bytes of `degree` limbs. */
export function storeElements(wire: usize, elements: usize, count: u32, degree: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u64>(wire, load<u64>(elements));
    if (degree == 2) store<u64>(wire, load<u64>(elements, 8), 8);
    wire += degree << 3;
    elements += 16;
  }
}
