/**
 * Goldilocks scalars as bigint, for the few values computed outside the kernels: statement elements, roots, parameters.
 * Hot paths never come here.
 */

/** p = 2^64 - 2^32 + 1 (spec stark.md section 1.2). */
export const FIELD_MODULUS = 0xffffffff00000001n;

/** Offset of the low-degree extension domain and of FRI (section 1.4). */
export const DOMAIN_OFFSET = 7n;

/** Generator of the subgroup of order 2^32; not the one derived from 7 (section 1.2). */
const TWO_ADIC_ROOT = 7277203076849721926n;

export function fieldAdd(a: bigint, b: bigint): bigint {
  return (a + b) % FIELD_MODULUS;
}

export function fieldSub(a: bigint, b: bigint): bigint {
  return (a - b + FIELD_MODULUS) % FIELD_MODULUS;
}

export function fieldMul(a: bigint, b: bigint): bigint {
  return (a * b) % FIELD_MODULUS;
}

export function fieldPow(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % FIELD_MODULUS;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = fieldMul(result, square);
    square = fieldMul(square, square);
  }
  return result;
}

/** Inverse; 0 for 0. */
export function fieldInverse(a: bigint): bigint {
  return fieldPow(a, FIELD_MODULUS - 2n);
}

/** Root of unity of order 2^bits. */
export function rootOfUnity(bits: number): bigint {
  return fieldPow(TWO_ADIC_ROOT, 1n << BigInt(32 - bits));
}

export function isFieldElement(value: bigint): boolean {
  return value >= 0n && value < FIELD_MODULUS;
}

/** Four-byte little-endian words of a byte string, as field elements (section 6.3). Length must be a multiple of 4. */
export function bytesToLimbs(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const limbs: bigint[] = [];
  for (let at = 0; at < bytes.length; at += 4) limbs.push(BigInt(view.getUint32(at, true)));
  return limbs;
}
