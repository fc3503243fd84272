/**
 * The plainest possible bigint statement of the arithmetic, straight from the text (sections 1.2, 1.3, 4.2): slow, short,
 * and what the kernels are tested against.
 */
import { MDS, MDS_INVERSE, ROUND_CONSTANTS } from "../../../src/stark/rescue-constants.js";
import type { ConstraintProgram } from "../../../src/stark/v2/constraint-program.js";

export const P = 2n ** 64n - 2n ** 32n + 1n;

export function mod(x: bigint): bigint {
  return ((x % P) + P) % P;
}

export function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n, square = mod(square * square)) {
    if (rest & 1n) result = mod(result * square);
  }
  return result;
}

export const inverse = (x: bigint): bigint => power(x, P - 2n);
export const rootOfOrder = (bits: number): bigint => power(7277203076849721926n, 1n << BigInt(32 - bits));

export type Ext = readonly [a: bigint, b: bigint];

export function extMul([a, b]: Ext, [c, d]: Ext): Ext {
  return [mod(a * c - 2n * b * d), mod(a * d + b * c + b * d)];
}

const extAdd = ([a, b]: Ext, [c, d]: Ext): Ext => [mod(a + c), mod(b + d)];

/** Value of a polynomial with base coefficients, ascending, at an extension point. */
export function evaluate(coefficients: readonly bigint[], x: Ext): Ext {
  return coefficients.reduceRight<Ext>((sum, c) => extAdd(extMul(sum, x), [c, 0n]), [0n, 0n]);
}

/** Coefficients of the polynomial taking values[i] at offset * root^i, by the definition of the inverse transform. */
export function interpolate(values: readonly bigint[], offset: bigint): bigint[] {
  const bits = Math.log2(values.length);
  const inverseRoot = inverse(rootOfOrder(bits));
  return values.map((_, j) => {
    const sum = values.reduce((total, value, i) => total + value * power(inverseRoot, BigInt(i * j)), 0n);
    return mod(sum * inverse(BigInt(values.length)) * inverse(power(offset, BigInt(j))));
  });
}

/** The 15 states of a permutation (section 4.2). */
export function permutation(input: readonly bigint[]): bigint[][] {
  const apply = (matrix: readonly bigint[], state: readonly bigint[]): bigint[] =>
    state.map((_, row) => mod(state.reduce((sum, value, column) => sum + matrix[12 * row + column]! * value, 0n)));
  const states = [[...input]];
  for (let half = 0; half < 14; half++) {
    const state = states[half]!;
    const mixed =
      half % 2 === 0
        ? apply(
            MDS,
            state.map((x) => power(x, 7n)),
          )
        : apply(MDS_INVERSE, state).map((x) => power(x, 10540996611094048183n));
    states.push(mixed.map((x, lane) => mod(x + ROUND_CONSTANTS[12 * half + lane]!)));
  }
  return states;
}

export interface ProgramRow {
  readonly current: (column: number) => bigint;
  readonly next: (column: number) => bigint;
  readonly periodic: (index: number) => bigint;
  readonly parameters: readonly bigint[];
}

/** All constraint values of one row. */
export function runProgram(program: ConstraintProgram, row: ProgramRow): bigint[] {
  const registers: bigint[] = [];
  for (const { kind, register, index, value } of program.inputs) {
    if (kind === "constant") registers[register] = mod(value);
    else if (kind === "parameter") registers[register] = row.parameters[index]!;
    else registers[register] = row[kind](index);
  }
  const constraints: bigint[] = [];
  for (let at = 0; at < program.instructions.length; at += 4) {
    const [operation, target, left, right] = program.instructions.subarray(at, at + 4) as unknown as number[];
    const [x, y] = [registers[left!]!, registers[right!]!];
    if (operation === 3) constraints[target!] = x;
    else registers[target!] = mod(operation === 0 ? x + y : operation === 1 ? x - y : x * y);
  }
  return constraints;
}

/** Deterministic 64-bit values. */
export function splitmix(seed: bigint): () => bigint {
  let state = seed;
  const mask = 2n ** 64n - 1n;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let x = state;
    x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & mask;
    return x ^ (x >> 31n);
  };
}

/** Values at which reductions go wrong first. */
export const EDGES = [0n, 1n, 2n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 63n, P - 2n ** 32n, P - 2n, P - 1n];
