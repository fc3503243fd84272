/**
 * Interpreter of constraint programs (AssemblyScript). A program is a list of instructions of four u32: operation,
 * target register, left register, right register. The same program runs at one extension point (verifier) and over
 * blocks of base-field points (prover), so an AIR is written once.
 */
import { add, inv, mul, sub } from "./field";
import { copyElement, extAdd, extInvBatch, extMul, extSub } from "./extension";

const ADD: u32 = 0;
const SUB: u32 = 1;
const MUL: u32 = 2;
/** EMIT: accumulator += coefficient[target] * left. */
const BLOCK: u32 = 32;
const BLOCK_BYTES: u32 = BLOCK * 8;
const term = memory.data(16);
const inverseScratch = memory.data(BLOCK * 16);

/** Runs a program on 16-byte registers; out = sum over emitted constraints of coefficient * value. */
export function runProgramExt(out: usize, program: usize, length: u32, registers: usize, coefficients: usize): void {
  store<u64>(out, 0);
  store<u64>(out, 0, 8);
  for (const end = program + (length << 4); program < end; program += 16) {
    const operation = load<u32>(program);
    const target = load<u32>(program, 4);
    const left = registers + (load<u32>(program, 8) << 4);
    const right = registers + (load<u32>(program, 12) << 4);
    if (operation == ADD) extAdd(registers + (target << 4), left, right);
    else if (operation == SUB) extSub(registers + (target << 4), left, right);
    else if (operation == MUL) extMul(registers + (target << 4), left, right);
    else {
      extMul(term, coefficients + (target << 4), left);
      extAdd(out, out, term);
    }
  }
}

/** Runs a program on block registers (32 base elements each); `sums` = 32 first limbs, then 32 second limbs. */
function runProgramBlock(sums: usize, program: usize, length: u32, registers: usize, coefficients: usize): void {
  for (const end = program + (length << 4); program < end; program += 16) {
    const operation = load<u32>(program);
    const target = load<u32>(program, 4);
    const left = registers + load<u32>(program, 8) * BLOCK_BYTES;
    const right = registers + load<u32>(program, 12) * BLOCK_BYTES;
    const to = registers + target * BLOCK_BYTES;
    if (operation == MUL) {
      for (let j: usize = 0; j < BLOCK_BYTES; j += 8) store<u64>(to + j, mul(load<u64>(left + j), load<u64>(right + j)));
    } else if (operation == ADD) {
      for (let j: usize = 0; j < BLOCK_BYTES; j += 8) store<u64>(to + j, add(load<u64>(left + j), load<u64>(right + j)));
    } else if (operation == SUB) {
      for (let j: usize = 0; j < BLOCK_BYTES; j += 8) store<u64>(to + j, sub(load<u64>(left + j), load<u64>(right + j)));
    } else accumulate(sums, left, coefficients + (target << 4));
  }
}

function accumulate(sums: usize, values: usize, coefficient: usize): void {
  const a = load<u64>(coefficient);
  const b = load<u64>(coefficient, 8);
  for (let j: usize = 0; j < BLOCK_BYTES; j += 8) {
    const value = load<u64>(values + j);
    store<u64>(sums + j, add(load<u64>(sums + j), mul(a, value)));
    if (b != 0) store<u64>(sums + j, add(load<u64>(sums + j, BLOCK_BYTES), mul(b, value)), BLOCK_BYTES);
  }
}

/**
 * Boundary terms at an extension point: sum over groups of [sum c * (T_column - value)] / (z - point) (section 3.4).
 * `assertions`: 16 bytes each, value u64, column u32, group u32, ordered by group. `inverses`: one element per group,
 * 1/(z - g^step). Adds into `out`. `frame` is T(z) with 16-byte elements.
 */
export function addBoundaryExt(
  out: usize, assertions: usize, count: u32, frame: usize, coefficients: usize, inverses: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const assertion = assertions + (i << 4);
    const cell = frame + (load<u32>(assertion, 8) << 4);
    store<u64>(term, sub(load<u64>(cell), load<u64>(assertion)));
    store<u64>(term, load<u64>(cell, 8), 8);
    extMul(term, term, coefficients + (i << 4));
    extMul(term, term, inverses + (load<u32>(assertion, 12) << 4));
    extAdd(out, out, term);
  }
}

/** Copies the listed columns of 32 points into block registers. `gather`: register, column, shift (0 or 1) as u32. */
function gatherBlock(
  registers: usize, gather: usize, count: u32, matrix: usize, width: u32, first: u32, stride: u32, shift: u32, mask: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const entry = gather + i * 12;
    const to = registers + load<u32>(entry) * BLOCK_BYTES;
    const column = matrix + (load<u32>(entry, 4) << 3);
    const offset = load<u32>(entry, 8) * shift;
    for (let j: u32 = 0; j < BLOCK; j++) {
      const row = ((first + j) * stride + offset) & mask;
      store<u64>(to + (j << 3), load<u64>(column + row * (width << 3)));
    }
  }
}

/** sums += divisor^-1-weighted boundary terms of one block; `points` are the block's x values. */
function boundaryBlock(
  sums: usize, assertions: usize, count: u32, matrix: usize, width: u32, first: u32, stride: u32,
  coefficients: usize, steps: usize, points: usize, work: usize,
): void {
  let group: u32 = 0xffffffff;
  for (let i: u32 = 0; i < count; i++) {
    const assertion = assertions + (i << 4);
    if (load<u32>(assertion, 12) != group) {
      group = load<u32>(assertion, 12);
      inverseDistances(work, load<u64>(steps + (group << 3)), points);
    }
    const column = matrix + (load<u32>(assertion, 8) << 3);
    const value = load<u64>(assertion);
    const a = load<u64>(coefficients + (i << 4));
    const b = load<u64>(coefficients + (i << 4), 8);
    for (let j: u32 = 0; j < BLOCK; j++) {
      const cell = load<u64>(column + (first + j) * stride * (width << 3));
      const quotient = mul(sub(cell, value), load<u64>(work + (j << 4)));
      const at = sums + (j << 3);
      store<u64>(at, add(load<u64>(at), mul(a, quotient)));
      store<u64>(at, add(load<u64>(at, BLOCK_BYTES), mul(b, quotient)), BLOCK_BYTES);
    }
  }
}

/** work[j] = 1/(points[j] - at), as elements with zero second limb. */
function inverseDistances(work: usize, at: u64, points: usize): void {
  for (let j: u32 = 0; j < BLOCK; j++) {
    store<u64>(work + (j << 4), sub(load<u64>(points + (j << 3)), at));
    store<u64>(work + (j << 4), 0, 8);
  }
  extInvBatch(work, BLOCK, inverseScratch);
}

/**
 * The composition polynomial's values (section 9 step 4) on the constraint domain 7 * root^i, i < 2^logDomain, as limb
 * columns out[i] and out[2^logDomain + i]. The low-degree extension is 2^logStride times finer. `job` is a table of u32:
 * 0 program, 1 length, 2 registers, 3 coefficients (transition, then boundary), 4 transition count, 5 trace matrix,
 * 6 width, 7 gather, 8 gather count, 9 periodic matrix, 10 periodic gather, 11 periodic count, 12 assertions,
 * 13 assertion count, 14 assertion points, 15 log2 of n, 16 work (32 points, then 32 elements, then 64 sums).
 */
export function evaluateComposition(out: usize, job: usize, logDomain: u32, logStride: u32, root: u64, last: u64): void {
  const size: u32 = 1 << logDomain;
  const stride: u32 = 1 << logStride;
  const mask = (size << logStride) - 1;
  const logSize = load<u32>(job, 60);
  const points = load<u32>(job, 64);
  const work = points + BLOCK_BYTES;
  const sums = work + BLOCK * 16;
  const shift = (size << logStride) >> logSize;
  const registers = load<u32>(job, 8);
  const coefficients = load<u32>(job, 12);
  let x: u64 = 7;
  for (let first: u32 = 0; first < size; first += BLOCK) {
    for (let j: u32 = 0; j < BLOCK; j++) {
      store<u64>(points + (j << 3), x);
      x = mul(x, root);
    }
    gatherBlock(registers, load<u32>(job, 28), load<u32>(job, 32), load<u32>(job, 20), load<u32>(job, 24), first, stride, shift, mask);
    gatherBlock(registers, load<u32>(job, 40), load<u32>(job, 44), load<u32>(job, 36), load<u32>(job, 44), first, stride, 0, mask);
    memory.fill(sums, 0, BLOCK * 16);
    runProgramBlock(sums, load<u32>(job), load<u32>(job, 4), registers, coefficients);
    divideTransition(sums, points, logSize, last, work);
    boundaryBlock(
      sums, load<u32>(job, 48), load<u32>(job, 52), load<u32>(job, 20), load<u32>(job, 24), first, stride,
      coefficients + (load<u32>(job, 16) << 4), load<u32>(job, 56), points, work,
    );
    memory.copy(out + (first << 3), sums, BLOCK_BYTES);
    memory.copy(out + ((size + first) << 3), sums + BLOCK_BYTES, BLOCK_BYTES);
  }
}

/** sums *= (x - last) / (x^n - 1). */
function divideTransition(sums: usize, points: usize, logSize: u32, last: u64, work: usize): void {
  for (let j: u32 = 0; j < BLOCK; j++) {
    let power = load<u64>(points + (j << 3));
    for (let k: u32 = 0; k < logSize; k++) power = mul(power, power);
    store<u64>(work + (j << 4), sub(power, 1));
    store<u64>(work + (j << 4), 0, 8);
  }
  extInvBatch(work, BLOCK, inverseScratch);
  for (let j: u32 = 0; j < BLOCK; j++) {
    const factor = mul(load<u64>(work + (j << 4)), sub(load<u64>(points + (j << 3)), last));
    const at = sums + (j << 3);
    store<u64>(at, mul(load<u64>(at), factor));
    store<u64>(at, mul(load<u64>(at, BLOCK_BYTES), factor), BLOCK_BYTES);
  }
}
