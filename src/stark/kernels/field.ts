/**
 * Goldilocks base field, p = 2^64 - 2^32 + 1 (AssemblyScript; spec stark.md section 1.2). Every value that enters or
 * leaves a function is canonical (< p), so nothing outside ever sees another representation.
 */

export const P: u64 = 0xffffffff00000001;
/** 2^64 mod p. */
const EPSILON: u64 = 0xffffffff;

// @ts-ignore: decorator
@inline
export function add(a: u64, b: u64): u64 {
  const gap = P - b;
  return select<u64>(a - gap + P, a - gap, a < gap);
}

// @ts-ignore: decorator
@inline
export function sub(a: u64, b: u64): u64 {
  return select<u64>(a - b + P, a - b, a < b);
}

/** Schoolbook 32-bit halves, then 2^64 = 2^32 - 1 and 2^96 = -1. */
// @ts-ignore: decorator
@inline
export function mul(a: u64, b: u64): u64 {
  const aLow = a & EPSILON;
  const aHigh = a >> 32;
  const bLow = b & EPSILON;
  const bHigh = b >> 32;
  const lowLow = aLow * bLow;
  const middle = aHigh * bLow + (lowLow >> 32);
  const middle2 = aLow * bHigh + (middle & EPSILON);
  const low = (middle2 << 32) | (lowLow & EPSILON);
  const high = aHigh * bHigh + (middle >> 32) + (middle2 >> 32);
  const highHigh = high >> 32;
  const highLow = high & EPSILON;
  let t = low - highHigh;
  t = select<u64>(t - EPSILON, t, low < highHigh);
  const folded = (highLow << 32) - highLow;
  let r = t + folded;
  r = select<u64>(r + EPSILON, r, r < folded);
  return select<u64>(r - P, r, r >= P);
}

export function pow(base: u64, exponent: u64): u64 {
  let result: u64 = 1;
  let square = base;
  while (exponent != 0) {
    if (exponent & 1) result = mul(result, square);
    square = mul(square, square);
    exponent >>= 1;
  }
  return result;
}

/** Inverse by Fermat; the inverse of 0 is 0 by definition of the format. */
export function inv(a: u64): u64 {
  return pow(a, P - 2);
}

/** Exported for tests against the BigInt model. */
export function fieldAdd(a: u64, b: u64): u64 {
  return add(a, b);
}

export function fieldSub(a: u64, b: u64): u64 {
  return sub(a, b);
}

export function fieldMul(a: u64, b: u64): u64 {
  return mul(a, b);
}
