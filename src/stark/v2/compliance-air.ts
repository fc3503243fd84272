/**
 * ComplianceAir (section 5): amount <= effective limit, with the amount committed by the witness commitment. 248 columns,
 * 16 rows, 157 transition constraints, 80 assertions. Says nothing about where the amount comes from (section 5.5).
 */
import { FIELD_MODULUS } from "../field.js";
import { MDS, MDS_INVERSE } from "../rescue-constants.js";
import type { ComplianceStatement } from "../statement.js";
import { type Air, type Assertion, type Instance, sortAssertions } from "./air.js";
import { type ConstraintProgram, type Expression, ProgramBuilder } from "./constraint-program.js";
import { COMPLIANCE_SHAPE } from "./proof-shape.js";
import { rescuePeriodic } from "./rescue-periodic.js";

/** First column of each group (section 5.1). */
export const COMPLIANCE_COLUMNS = {
  state: 0,
  amount: 12,
  limit: 20,
  isFirst: 36,
  isLast: 37,
  counter: 38,
  phase: 39,
  amountBits: 40,
  difference: 105,
  borrow: 113,
  differenceBits: 137,
  publicElements: 201,
} as const;

/** 2^0 .. 2^31. */
export const BIT_WEIGHTS: readonly bigint[] = Array.from({ length: 32 }, (_, i) => 1n << BigInt(i));

const TWO_32 = 1n << 32n;
/** Number of transition constraints, as reported in proof metadata. */
export const COMPLIANCE_CONSTRAINTS = 157;

const program = buildProgram();
const periodic = rescuePeriodic(2 ** COMPLIANCE_SHAPE.logTraceLength, 0, 1);

export function complianceInstance(statement: ComplianceStatement): Instance {
  const { effectiveLimit, inputElements, witnessCommitment } = statement;
  return {
    shape: COMPLIANCE_SHAPE,
    publicElements: [effectiveLimit % FIELD_MODULUS, ...inputElements, ...witnessCommitment],
  };
}

export function complianceAir(statement: ComplianceStatement): Air {
  const assertions = complianceAssertions(statement);
  return { ...complianceInstance(statement), program, parameters: [], periodic, assertions };
}

/** Section 5.3, in coefficient order. */
function buildProgram(): ConstraintProgram {
  const b = new ProgramBuilder();
  const c = COMPLIANCE_COLUMNS;
  const init = b.periodic(1);
  b.emit(b.sub(b.next(c.counter), b.current(c.counter), 1n));
  emitLimbBits(b, init, c.amountBits, c.amount);
  emitLimbBits(b, init, c.differenceBits, c.difference);
  const [borrow0, borrow1] = [b.current(c.borrow), b.current(c.borrow + 1)];
  b.emit(b.mul(init, b.bit(borrow0)), b.mul(init, b.bit(borrow1)));
  for (const limb of [0, 1]) {
    const sum = b.add(b.current(c.amount + limb), b.current(c.difference + limb), ...(limb === 1 ? [borrow0] : []));
    const borrowed = b.mul(TWO_32, limb === 0 ? borrow0 : borrow1);
    b.emit(b.mul(init, b.sub(sum, b.current(c.limit + limb), borrowed)));
  }
  emitPermutation(b);
  for (let i = 0; i < 8; i++) b.emit(b.mul(init, b.sub(b.current(c.state + i), b.current(c.amount + i))));
  return b.build();
}

/** 64 bit constraints, then the two recompositions of limbs. */
function emitLimbBits(b: ProgramBuilder, init: Expression, bits: number, limbs: number): void {
  for (let i = 0; i < 64; i++) b.emit(b.mul(init, b.bit(b.current(bits + i))));
  for (const limb of [0, 1]) {
    const terms = BIT_WEIGHTS.map((_, i) => b.current(bits + 32 * limb + i));
    b.emit(b.mul(init, b.sub(b.current(limbs + limb), b.combine(BIT_WEIGHTS, terms))));
  }
}

/** One half-round per row while active, no change otherwise (constraints 137-148). */
function emitPermutation(b: ProgramBuilder): void {
  const lanes = Array.from({ length: 12 }, (_, i) => i);
  const [active, forward] = [b.periodic(0), b.periodic(2)];
  const state = lanes.map((i) => b.current(i));
  const seventh = state.map((x) => b.pow7(x));
  for (const i of lanes) {
    const unkeyed = b.sub(b.next(i), b.periodic(3 + i));
    const forwardGap = b.sub(unkeyed, b.combine(MDS.slice(12 * i, 12 * i + 12), seventh));
    const backwardGap = b.sub(b.pow7(unkeyed), b.combine(MDS_INVERSE.slice(12 * i, 12 * i + 12), state));
    const halfRound = b.add(b.mul(forward, forwardGap), b.mul(b.sub(1n, forward), backwardGap));
    const unchanged = b.sub(b.next(i), state[i]!);
    b.emit(b.add(b.mul(active, halfRound), b.mul(b.sub(1n, active), unchanged)));
  }
}

/** Section 5.4. The limit is split as the raw u64. */
function complianceAssertions(statement: ComplianceStatement): Assertion[] {
  const c = COMPLIANCE_COLUMNS;
  const last = 2 ** COMPLIANCE_SHAPE.logTraceLength - 1;
  const assertions: Assertion[] = [];
  const at = (step: number, column: number, ...values: bigint[]): void => {
    for (const [i, value] of values.entries()) assertions.push({ step, column: column + i, value });
  };
  at(0, c.state + 8, 8n, 0n, 0n, 0n);
  at(0, c.amount + 2, 0n, 0n, 0n, 0n, 0n, 0n);
  at(0, c.limit, statement.effectiveLimit & 0xffffffffn, statement.effectiveLimit >> 32n, 0n, 0n, 0n, 0n, 0n, 0n);
  at(0, c.isFirst, 1n);
  at(0, c.counter, 0n);
  at(0, c.difference + 2, 0n, 0n, 0n, 0n, 0n, 0n);
  at(0, c.borrow + 1, 0n);
  at(0, c.publicElements, ...statement.inputElements);
  at(14, c.state, ...statement.witnessCommitment);
  at(last, c.isLast, 1n);
  at(last, c.counter, BigInt(last));
  return sortAssertions(assertions);
}
