/**
 * Number-theoretic transforms over the base field (AssemblyScript; section 1.4). Sizes are powers of two; tables come
 * from the caller so that one set serves all columns of a matrix.
 */
import { add, inv, mul, pow, sub } from "./field";

/** Columns extended together: one 64-byte line of a row-major matrix. */
const COLUMN_GROUP: u32 = 8;

/** table[i] = first * ratio^i for i < count. */
export function fillPowers(table: usize, first: u64, ratio: u64, count: u32): void {
  let value = first;
  for (let i: u32 = 0; i < count; i++) {
    store<u64>(table + (i << 3), value);
    value = mul(value, ratio);
  }
}

// @ts-ignore: decorator
@inline
function reverseBits(value: u32, bits: u32): u32 {
  value = ((value >> 1) & 0x55555555) | ((value & 0x55555555) << 1);
  value = ((value >> 2) & 0x33333333) | ((value & 0x33333333) << 2);
  value = ((value >> 4) & 0x0f0f0f0f) | ((value & 0x0f0f0f0f) << 4);
  return bswap<u32>(value) >> (32 - bits);
}

/** In-place butterflies on bit-reversed input; `twiddles` holds root^i for i < size/2. */
function butterflies(values: usize, logSize: u32, twiddles: usize): void {
  const size: u32 = 1 << logSize;
  for (let half: u32 = 1, stride = size >> 1; half < size; half <<= 1, stride >>= 1) {
    for (let start: u32 = 0; start < size; start += half << 1) {
      let low = values + (start << 3);
      let high = low + (half << 3);
      let twiddle = twiddles;
      for (let j: u32 = 0; j < half; j++) {
        const a = load<u64>(low);
        const b = mul(load<u64>(high), load<u64>(twiddle));
        store<u64>(low, add(a, b));
        store<u64>(high, sub(a, b));
        low += 8;
        high += 8;
        twiddle += stride << 3;
      }
    }
  }
}

/**
 * Coefficients of the polynomial that takes `values[i * stride]` at offset * root^i. `inverseTwiddles` holds root^-i for
 * i < size/2. `out` (contiguous) must not overlap `values`.
 */
export function interpolate(
  out: usize, values: usize, stride: u32, logSize: u32, inverseTwiddles: usize, offset: u64,
): void {
  const size: u32 = 1 << logSize;
  for (let i: u32 = 0; i < size; i++) {
    store<u64>(out + (reverseBits(i, logSize) << 3), load<u64>(values + i * stride));
  }
  butterflies(out, logSize, inverseTwiddles);
  const ratio = inv(offset);
  let scale = inv(u64(size));
  for (let i: u32 = 0; i < size; i++) {
    store<u64>(out + (i << 3), mul(load<u64>(out + (i << 3)), scale));
    scale = mul(scale, ratio);
  }
}

/** Interpolates every column of a row-major matrix (width columns) into consecutive columns of coefficients. */
export function interpolateColumns(out: usize, matrix: usize, width: u32, logSize: u32, inverseTwiddles: usize): void {
  for (let column: u32 = 0; column < width; column++) {
    interpolate(out + ((column << logSize) << 3), matrix + (column << 3), width << 3, logSize, inverseTwiddles, 1);
  }
}

/**
 * Low-degree extension: evaluates `width` coefficient columns of size n on offset * W^i, i < n * blowup, into a row-major
 * matrix. Works coset by coset (i = blowup * q + r), so each transform has size n. `shifts` holds (offset * W^r)^j at
 * [r * n + j]; `scratch` holds 8 * n values.
 */
export function extendColumns(
  out: usize, coefficients: usize, width: u32, logSize: u32, logBlowup: u32, twiddles: usize, shifts: usize, scratch: usize,
): void {
  const size: u32 = 1 << logSize;
  const blowup: u32 = 1 << logBlowup;
  for (let group: u32 = 0; group < width; group += COLUMN_GROUP) {
    const columns = min(COLUMN_GROUP, width - group);
    for (let r: u32 = 0; r < blowup; r++) {
      const shift = shifts + ((r << logSize) << 3);
      for (let c: u32 = 0; c < columns; c++) {
        const from = coefficients + (((group + c) << logSize) << 3);
        const to = scratch + ((c << logSize) << 3);
        for (let j: u32 = 0; j < size; j++) {
          store<u64>(to + (reverseBits(j, logSize) << 3), mul(load<u64>(from + (j << 3)), load<u64>(shift + (j << 3))));
        }
        butterflies(to, logSize, twiddles);
      }
      for (let q: u32 = 0; q < size; q++) {
        const row = out + (((q << logBlowup) + r) * width + group) * 8;
        for (let c: u32 = 0; c < columns; c++) {
          store<u64>(row + (c << 3), load<u64>(scratch + (((c << logSize) + q) << 3)));
        }
      }
    }
  }
}

/** Root of unity of order 2^bits from the field's 2^32-th root (section 1.2). */
export function rootOfUnity(bits: u32): u64 {
  return pow(7277203076849721926, u64(1) << (32 - bits));
}
