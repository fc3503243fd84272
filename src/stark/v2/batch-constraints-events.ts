/** Batch constraints over the event rows: constants and counters (group A), and the limit check (group E) of section 8.6. */
import { COMPLIANCE_BASE, BATCH_COLUMNS as c } from "./batch-columns.js";
import { BATCH_PARAMETERS, type BatchRow } from "./batch-row.js";
import { BIT_WEIGHTS } from "./compliance-air.js";
import type { Expression } from "./constraint-program.js";

/** Columns that never change, with their widths, in constraint order. */
const CONSTANTS: ReadonlyArray<readonly [column: number, width: number]> = [
  [c.previousRoot, 4],
  [c.newRoot, 4],
  [c.batchId, 4],
  [c.tenantId, 4],
  [c.storeId, 4],
  [c.sequenceStart, 1],
  [c.sequenceEnd, 1],
  [c.timestamp, 1],
  [c.numEvents, 1],
  [c.policyHash, 8],
  [c.policyLimit, 1],
  [c.metadataHash, 4],
];

/** Group A: 55 constraints. */
export function emitEventSchedule(row: BatchRow): void {
  const { b, eventRow: r, eventIndex: e, flag, phase, notDone } = row;
  for (const [column, width] of CONSTANTS) for (let i = 0; i < width; i++) b.emit(row.step(column + i));
  const events = b.parameter(BATCH_PARAMETERS.events);
  const done = b.current(c.done);
  const finishing = row.step(c.done);
  b.emit(b.bit(done), b.mul(done, b.sub(1n, b.next(c.done))));
  b.emit(b.mul(finishing, b.sub(r, 3n)), b.mul(finishing, b.sub(e, b.sub(events, 1n))));
  b.emit(b.mul(done, r), b.mul(done, b.sub(e, events)));

  const withinEvent = b.mul(notDone, b.sub(r, 3n));
  const eventEnd = b.mul(notDone, row.roots(r, 0n, 1n, 2n));
  b.emit(b.mul(withinEvent, b.sub(row.step(c.eventRow), 1n)), b.mul(eventEnd, b.next(c.eventRow)));
  b.emit(b.mul(withinEvent, row.step(c.eventIndex)), b.mul(eventEnd, b.sub(row.step(c.eventIndex), 1n)));
  b.emit(row.roots(r, 0n, 1n, 2n, 3n));

  const scaled = b.mul(COMPLIANCE_BASE, b.current(c.compliance), flag);
  b.emit(b.mul(b.sub(r, 2n), row.step(c.compliance)));
  b.emit(b.mul(row.roots(r, 0n, 1n, 3n), b.sub(b.next(c.compliance), scaled)));
  b.emit(b.bit(flag));

  const jump = row.step(c.phase);
  const skip = b.mul(2n, row.isCommit, b.next(c.isFinal));
  b.emit(b.mul(jump, b.sub(jump, 1n), b.sub(jump, skip)));
  const laterPhase = row.roots(phase, 1n, 2n, 3n, 4n, 5n, 6n);
  b.emit(b.mul(phase, laterPhase), b.mul(notDone, phase), b.mul(done, laterPhase));
}

/** Group E: 149 constraints. Row 0 holds the amount's bits, row 1 the difference's, row 2 the verdict. */
export function emitLimitCheck(row: BatchRow): void {
  const { b, eventRow: r, notDone } = row;
  const onAmount = b.mul(notDone, row.roots(r, 1n, 2n, 3n));
  const onDifference = b.mul(notDone, row.roots(r, 0n, 2n, 3n));
  const onVerdict = b.mul(notDone, row.roots(r, 0n, 1n, 3n));
  emitBits(row, onAmount, c.amount);
  for (let i = 2; i < 8; i++) b.emit(b.mul(onAmount, b.current(c.amount + i)));
  for (let i = 2; i < 8; i++) b.emit(b.mul(onAmount, b.current(c.limit + i)));

  emitBits(row, onDifference, c.left);
  const [borrow0, borrow1] = [b.current(c.left + 2), b.current(c.left + 3)];
  b.emit(b.mul(onDifference, b.bit(borrow0)), b.mul(onDifference, b.bit(borrow1)));
  for (const limb of [0, 1]) {
    const sum = b.add(b.current(c.amount + limb), b.current(c.left + limb), ...(limb === 1 ? [borrow0] : []));
    const borrowed = b.mul(1n << 32n, limb === 0 ? borrow0 : borrow1);
    b.emit(b.mul(onDifference, b.sub(sum, b.current(c.limit + limb), borrowed)));
  }
  b.emit(b.mul(onVerdict, b.sub(b.add(row.flag, borrow1), 1n)));
}

/** 64 bit constraints on the bit columns, then the recomposition of two limbs. */
function emitBits(row: BatchRow, selector: Expression, limbs: number): void {
  const { b } = row;
  for (let i = 0; i < 64; i++) b.emit(b.mul(selector, b.bit(b.current(c.bits + i))));
  for (const limb of [0, 1]) {
    const terms = BIT_WEIGHTS.map((_, i) => b.current(c.bits + 32 * limb + i));
    b.emit(b.mul(selector, b.sub(b.current(limbs + limb), b.combine(BIT_WEIGHTS, terms))));
  }
}
