/**
 * What the proof system needs to know of a statement: dimensions, transition program with its parameters, periodic
 * columns, boundary assertions and the elements bound into the transcript.
 */
import type { ConstraintProgram } from "./constraint-program.js";
import { optionBytes, type ProofOptions } from "./options.js";
import type { ProofShape } from "./proof-shape.js";

/** The trace cell (column, step) must hold `value`. */
export interface Assertion {
  readonly step: number;
  readonly column: number;
  readonly value: bigint;
}

/** Columns every verifier can compute itself, row-major, n rows. */
export interface PeriodicTable {
  readonly width: number;
  readonly values: BigUint64Array;
}

/** The part of a statement that the transcript starts from. */
export interface Instance {
  readonly shape: ProofShape;
  /** Canonical public elements in transcript order. */
  readonly publicElements: readonly bigint[];
}

export interface Air extends Instance {
  readonly program: ConstraintProgram;
  readonly parameters: readonly bigint[];
  readonly periodic: PeriodicTable;
  /** Sorted by (step, column), as their coefficients are assigned (section 3.4). */
  readonly assertions: readonly Assertion[];
}

/** Sorts into the order in which coefficients are drawn. */
export function sortAssertions(assertions: Assertion[]): Assertion[] {
  return assertions.sort((a, b) => a.step - b.step || a.column - b.column);
}

/** Context elements of section 3.2 followed by the public elements. */
export function transcriptSeed(instance: Instance, options: ProofOptions): bigint[] {
  const { width, logTraceLength } = instance.shape;
  const [queries, blowup, grinding, extension, folding, remainder] = optionBytes(options) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const packed = extension * 65_536 + folding * 256 + remainder;
  const context = [width * 256, 2 ** logTraceLength, 1, 0xffffffff, packed, grinding, blowup, queries];
  return [...context.map(BigInt), ...instance.publicElements];
}
