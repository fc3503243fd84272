/**
 * Evaluations the protocol needs at extension points (AssemblyScript; sections 3.4 to 3.7). Verifier and prover share
 * them: the prover runs over all rows what the verifier runs over the queried ones.
 */
import { P, add, inv, mul, pow, sub } from "./field";
import { copyElement, extAdd, extInv, extInvBatch, extMul, extMulBase, extSub, loadElements } from "./extension";
import { rootOfUnity } from "./transform";

const GENERATOR: u64 = 7;
const sumTrace = memory.data(16);
const sumParts = memory.data(16);
const term = memory.data(16);
const point = memory.data(16);
const element = memory.data(16);

/** out[c] = columns_c(x) for `width` base-field coefficient columns of size n; results `outStride` bytes apart. */
export function evaluateColumns(out: usize, outStride: u32, columns: usize, width: u32, size: u32, x: usize): void {
  for (let column: u32 = 0; column < width; column++) {
    const from = columns + ((column * size) << 3);
    store<u64>(term, 0);
    store<u64>(term, 0, 8);
    for (let j = size; j > 0; j--) {
      extMul(term, term, x);
      store<u64>(term, add(load<u64>(term), load<u64>(from + ((j - 1) << 3))));
    }
    copyElement(out, term);
    out += outStride;
  }
}

/** out = value at x of a polynomial with `count` extension coefficients, ascending. */
export function evaluateExt(out: usize, coefficients: usize, count: u32, x: usize): void {
  store<u64>(term, 0);
  store<u64>(term, 0, 8);
  for (let j = count; j > 0; j--) {
    extMul(term, term, x);
    extAdd(term, term, coefficients + ((j - 1) << 4));
  }
  copyElement(out, term);
}

/**
 * Values at z of `width` periodic columns of length n = 2^logSize (section 3.4): (z^n - 1)/n * sum v_i g^i / (z - g^i).
 * `values` is row-major. `scratch` holds 2 * n elements. Returns 0 if z lies in the trace domain.
 */
export function evaluatePeriodic(out: usize, values: usize, width: u32, logSize: u32, z: usize, scratch: usize): u32 {
  const size: u32 = 1 << logSize;
  const g = rootOfUnity(logSize);
  let x: u64 = 1;
  for (let i: u32 = 0; i < size; i++) {
    store<u64>(scratch + (i << 4), sub(load<u64>(z), x));
    store<u64>(scratch + (i << 4), load<u64>(z, 8), 8);
    x = mul(x, g);
  }
  if (extInvBatch(scratch, size, scratch + (size << 4)) == 0) return 0;
  memory.fill(out, 0, width << 4);
  x = 1;
  for (let i: u32 = 0; i < size; i++) {
    const weight = scratch + (i << 4);
    extMulBase(weight, weight, x);
    for (let c: u32 = 0; c < width; c++) {
      const value = load<u64>(values + ((i * width + c) << 3));
      if (value == 0) continue;
      extMulBase(term, weight, value);
      extAdd(out + (c << 4), out + (c << 4), term);
    }
    x = mul(x, g);
  }
  copyElement(point, z);
  for (let i: u32 = 0; i < logSize; i++) extMul(point, point, point);
  store<u64>(point, sub(load<u64>(point), 1));
  extMulBase(point, point, inv(u64(size)));
  for (let c: u32 = 0; c < width; c++) extMul(out + (c << 4), out + (c << 4), point);
  return 1;
}

/** out = sum over i of coefficients_i * values[i * stride]. */
export function innerProduct(out: usize, coefficients: usize, values: usize, count: u32, stride: u32): void {
  store<u64>(sumTrace, 0);
  store<u64>(sumTrace, 0, 8);
  for (let i: u32 = 0; i < count; i++) {
    extMul(term, coefficients + (i << 4), values + i * stride);
    extAdd(sumTrace, sumTrace, term);
  }
  copyElement(out, sumTrace);
}

/** Adds sum of coefficient_i * row_i (base-field row) into `out`; returns 0 if a row value is >= p. */
function rowSum(out: usize, row: usize, coefficients: usize, width: u32): u32 {
  let a: u64 = 0;
  let b: u64 = 0;
  let canonical: u32 = 1;
  for (let i: u32 = 0; i < width; i++) {
    const value = load<u64>(row + (i << 3));
    canonical &= u32(value < P);
    a = add(a, mul(load<u64>(coefficients + (i << 4)), value));
    b = add(b, mul(load<u64>(coefficients + (i << 4), 8), value));
  }
  store<u64>(out, a);
  store<u64>(out, b, 8);
  return canonical;
}

/**
 * DEEP values (section 3.6) of `count` rows at x = 7 * w^position. `frame` = z, z*g, sum a_i T_i(z), sum a_i T_i(zg),
 * sum b_j H_j(z), one element each. `inverses` holds 4 * count elements of scratch. Positions are u32; a null pointer
 * means 0, 1, 2, ... Returns 1 on success, 0 for a non-canonical row value, 2 if some x equals z or zg.
 */
export function deepRows(
  out: usize, traceRows: usize, width: u32, partRows: usize, parts: u32, degree: u32, count: u32, positions: usize,
  logDomain: u32, coefficients: usize, frame: usize, inverses: usize,
): u32 {
  const w = rootOfUnity(logDomain);
  const partElements = inverses + (count << 6);
  for (let i: u32 = 0; i < count; i++) {
    const x = mul(GENERATOR, pow(w, positions == 0 ? i : load<u32>(positions + (i << 2))));
    const pair = inverses + (i << 5);
    for (let k: usize = 0; k < 32; k += 16) {
      store<u64>(pair + k, sub(x, load<u64>(frame + k)));
      store<u64>(pair + k, sub(0, load<u64>(frame + k, 8)), 8);
    }
  }
  if (extInvBatch(inverses, count << 1, inverses + (count << 5)) == 0) return 2;
  let canonical: u32 = 1;
  for (let i: u32 = 0; i < count; i++) {
    canonical &= rowSum(sumTrace, traceRows + i * (width << 3), coefficients, width);
    canonical &= loadElements(partElements, partRows + i * ((parts * degree) << 3), parts, degree);
    const partCoefficients = coefficients + (width << 4);
    copyElement(sumParts, sumTrace);
    for (let j: u32 = 0; j < parts; j++) {
      extMul(term, partCoefficients + (j << 4), partElements + (j << 4));
      extAdd(sumParts, sumParts, term);
    }
    extSub(sumParts, sumParts, frame + 32);
    extSub(sumParts, sumParts, frame + 64);
    extMul(sumParts, sumParts, inverses + (i << 5));
    extSub(sumTrace, sumTrace, frame + 48);
    extMul(sumTrace, sumTrace, inverses + (i << 5) + 16);
    extAdd(out + (i << 4), sumParts, sumTrace);
  }
  return canonical;
}

/** In-place inverse transform of 2^logSize extension elements on the domain generated by `root`, without the 1/size. */
function inverseSmall(values: usize, logSize: u32, root: u64): void {
  const size: u32 = 1 << logSize;
  const inverseRoot = inv(root);
  for (let half = size >> 1; half > 0; half >>= 1) {
    const step = pow(inverseRoot, u64(size / (half << 1)));
    for (let start: u32 = 0; start < size; start += half << 1) {
      let twiddle: u64 = 1;
      for (let j: u32 = 0; j < half; j++) {
        const low = values + ((start + j) << 4);
        const high = low + (half << 4);
        extSub(element, low, high);
        extAdd(low, low, high);
        extMulBase(high, element, twiddle);
        twiddle = mul(twiddle, step);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function reverseSmall(value: u32, bits: u32): u32 {
  let result: u32 = 0;
  for (let i: u32 = 0; i < bits; i++) result |= ((value >> i) & 1) << (bits - 1 - i);
  return result;
}

/**
 * FRI folding (section 3.7): row k holds the values of a polynomial at x_j = 7 * w^f * w^(rowlen*j) with f = positions[k]
 * (u32; null means 0, 1, 2, ...), j < 2^logFolding. out[k] = that polynomial at alpha. `rows` is overwritten.
 */
export function foldRows(
  out: usize, rows: usize, count: u32, logFolding: u32, positions: usize, logDomain: u32, alpha: usize,
): void {
  const folding: u32 = 1 << logFolding;
  const inverseW = inv(rootOfUnity(logDomain));
  const inverseGenerator = inv(GENERATOR);
  const root = rootOfUnity(logFolding);
  const inverseSize = inv(u64(folding));
  for (let k: u32 = 0; k < count; k++) {
    const f = positions == 0 ? k : load<u32>(positions + (k << 2));
    const row = rows + ((k << logFolding) << 4);
    inverseSmall(row, logFolding, root);
    // Coefficients c_j of P(x0 * y), so P(alpha) is that polynomial at y = alpha / x0.
    extMulBase(point, alpha, mul(inverseGenerator, pow(inverseW, f)));
    store<u64>(term, 0);
    store<u64>(term, 0, 8);
    for (let j = folding; j > 0; j--) {
      extMul(term, term, point);
      extAdd(term, term, row + (reverseSmall(j - 1, logFolding) << 4));
    }
    extMulBase(out + (k << 4), term, inverseSize);
  }
}

/** 1 if the remainder polynomial takes value[k] at 7 * w^position[k] for every k, else 0. */
export function checkRemainder(
  coefficients: usize, length: u32, values: usize, positions: usize, count: u32, logDomain: u32,
): u32 {
  const w = rootOfUnity(logDomain);
  let equal: u32 = 1;
  for (let k: u32 = 0; k < count; k++) {
    const x = mul(GENERATOR, pow(w, load<u32>(positions + (k << 2))));
    let a: u64 = 0;
    let b: u64 = 0;
    for (let j = length; j > 0; j--) {
      const c = coefficients + ((j - 1) << 4);
      a = add(mul(a, x), load<u64>(c));
      b = add(mul(b, x), load<u64>(c, 8));
    }
    equal &= u32(a == load<u64>(values + (k << 4))) & u32(b == load<u64>(values + (k << 4), 8));
  }
  return equal;
}
