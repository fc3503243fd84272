/**
 * BatchAir (section 8): a chain step from one state root to the next over up to 128 events. 253 columns, 636 transition
 * constraints. Under-constrained in the original and reproduced as it is (finding F4): an integrity aid, not evidence.
 */
import { fieldInverse, fieldMul, fieldPow, fieldSub } from "../field.js";
import type { Kernels } from "../kernels.js";
import { rescueHash } from "../rescue.js";
import type { BatchStatement } from "../statement.js";
import { type Air, type Assertion, type Instance, sortAssertions } from "./air.js";
import { ACCUMULATOR_BASE, ACCUMULATORS, COMPLIANCE_BASE, BATCH_COLUMNS as c } from "./batch-columns.js";
import { emitEventSchedule, emitLimitCheck } from "./batch-constraints-events.js";
import { emitLeafBinding, emitLeafHash } from "./batch-constraints-leaves.js";
import { emitTree } from "./batch-constraints-tree.js";
import { BatchRow } from "./batch-row.js";
import { type BatchInputs, type BatchPlan, batchInputs, batchPlan, batchPolicyLimbs } from "./batch-statement.js";
import { type ConstraintProgram, ProgramBuilder } from "./constraint-program.js";
import { batchShape } from "./proof-shape.js";
import { rescuePeriodic } from "./rescue-periodic.js";

const program = buildProgram();

/** The statement must have passed `batchStatementFault`. */
export function batchInstance(statement: BatchStatement): Instance {
  const { logTraceLength } = batchPlan(batchInputs(statement).events);
  return { shape: batchShape(logTraceLength), publicElements: statement.publicElements };
}

/** The statement must have passed `batchStatementFault`. */
export function batchAir(kernels: Kernels, statement: BatchStatement): Air {
  const inputs = batchInputs(statement);
  const plan = batchPlan(inputs.events);
  const padPower = fieldPow(ACCUMULATOR_BASE, BigInt(plan.leaves - plan.events));
  const padSum = fieldMul(fieldSub(padPower, 1n), fieldInverse(ACCUMULATOR_BASE - 1n));
  return {
    ...batchInstance(statement),
    program,
    parameters: [BigInt(plan.events), padPower, padSum],
    periodic: rescuePeriodic(2 ** plan.logTraceLength, plan.leafHashRow, 5 * plan.events + plan.leaves),
    assertions: batchAssertions(inputs, plan, metadataHash(kernels, inputs)),
  };
}

/** Hash of everything a batch is about but its events (section 8.4). */
export function metadataHash(kernels: Kernels, inputs: BatchInputs): bigint[] {
  const { previousRoot, batchId, tenantId, storeId, sequenceStart, sequenceEnd, timestamp } = inputs;
  const ids = [...previousRoot, ...batchId, ...tenantId, ...storeId];
  return rescueHash(kernels, [...ids, sequenceStart, sequenceEnd, timestamp]);
}

/** Starting value of the compliance product: multiplied by 7 per compliant event it ends at 1. */
export function complianceStart(events: number): bigint {
  return fieldInverse(fieldPow(COMPLIANCE_BASE, BigInt(events)));
}

/** Section 8.6: groups A to E, 636 constraints. */
function buildProgram(): ConstraintProgram {
  const builder = new ProgramBuilder();
  const row = new BatchRow(builder);
  emitEventSchedule(row);
  emitTree(row);
  emitLeafHash(row);
  emitLeafBinding(row);
  emitLimitCheck(row);
  return builder.build();
}

/** Phases as the phase column numbers them (section 8.3). */
export const BATCH_PHASES = { event: 0, leaf: 1, leafHash: 2, commitment: 3, merkle: 4, final: 5, padding: 6 } as const;

/** Section 8.7. */
function batchAssertions(inputs: BatchInputs, plan: BatchPlan, metadata: readonly bigint[]): Assertion[] {
  const assertions: Assertion[] = [];
  const at = (step: number, column: number, ...values: readonly bigint[]): void => {
    for (const [i, value] of values.entries()) assertions.push({ step, column: column + i, value });
  };
  const zero = (step: number, column: number, width: number): void =>
    at(step, column, ...new Array<bigint>(width).fill(0n));
  /** Phase, kind flag, level 0, node 0, size, and empty running sums. */
  const phaseStart = (step: number, phase: number, kind: number, size: number): void => {
    at(step, c.phase, BigInt(phase));
    at(step, kind, 1n);
    at(step, c.level, 0n, 0n, BigInt(size));
    zero(step, c.consumed, 4);
    zero(step, c.running, 4);
  };
  assertFirstRow(inputs, plan, metadata, at, zero);
  at(plan.leafRow, c.eventInputs, ...inputs.accumulator);
  phaseStart(plan.leafRow, BATCH_PHASES.leaf, c.isLeaf, plan.leaves);
  zero(plan.leafRow, c.previous, 4);
  for (const accumulator of ACCUMULATORS) zero(plan.leafRow, accumulator.leaf, accumulator.width);
  phaseStart(plan.leafHashRow, BATCH_PHASES.leafHash, c.isLeafHash, plan.leaves);
  phaseStart(plan.commitmentRow, BATCH_PHASES.commitment, c.isCommit, plan.leaves);
  for (let leaf = plan.events; leaf < plan.leaves; leaf++) zero(plan.leafRow + leaf, c.out, 4);
  phaseStart(plan.finalRow, BATCH_PHASES.final, c.isFinal, 0);

  const rows = 2 ** plan.logTraceLength;
  const isPadded = plan.finalRow + 15 < rows;
  at(rows - 1, c.done, 1n);
  at(rows - 1, c.eventIndex, BigInt(plan.events));
  at(rows - 1, c.newRoot, ...inputs.newRoot);
  at(rows - 1, c.compliance, inputs.isAllCompliant ? 1n : 0n);
  at(rows - 1, c.last, 1n);
  at(rows - 1, c.eventRow, 0n);
  at(rows - 1, c.phase, BigInt(isPadded ? BATCH_PHASES.padding : BATCH_PHASES.final));
  return sortAssertions(assertions);
}

function assertFirstRow(
  inputs: BatchInputs,
  plan: BatchPlan,
  metadata: readonly bigint[],
  at: (step: number, column: number, ...values: readonly bigint[]) => void,
  zero: (step: number, column: number, width: number) => void,
): void {
  at(0, c.previousRoot, ...inputs.previousRoot);
  at(0, c.batchId, ...inputs.batchId);
  at(0, c.tenantId, ...inputs.tenantId);
  at(0, c.storeId, ...inputs.storeId);
  at(0, c.metadataHash, ...metadata);
  at(0, c.sequenceStart, inputs.sequenceStart, inputs.sequenceEnd, inputs.timestamp);
  at(0, c.policyHash, ...batchPolicyLimbs(inputs));
  at(0, c.policyLimit, inputs.policyLimit);
  at(0, c.numEvents, BigInt(plan.events));
  at(0, c.compliance, complianceStart(plan.events));
  for (const column of [c.eventIndex, c.eventRow, c.phase, c.done]) at(0, column, 0n);
  at(0, c.first, 1n);
  zero(0, c.right, 4);
  for (const accumulator of ACCUMULATORS) zero(0, accumulator.event, accumulator.width);
}
