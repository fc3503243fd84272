/** Batch constraints on leaf hashing (group C, 104) and on the binding of leaves to events (group D, 151), section 8.6. */
import { ACCUMULATOR_BASE, ACCUMULATORS, type Accumulator, BATCH_COLUMNS as c } from "./batch-columns.js";
import { BATCH_PARAMETERS, type BatchRow } from "./batch-row.js";
import type { Expression } from "./constraint-program.js";

const FOUR = [0, 1, 2, 3];
/** A leaf hash absorbs 25 elements; the sponge keeps the count in lane 8. */
const LEAF_ELEMENTS = 25n;

/** Group C. The level column counts the four chunks of a leaf's 25 elements. */
export function emitLeafHash(row: BatchRow): void {
  const { b, isLeafHash } = row;
  const chunk = b.current(c.level);
  const chunkEnd = b.mul(isLeafHash, row.inactive);
  const lastEnd = b.mul(chunkEnd, row.roots(chunk, 0n, 1n, 2n));
  emitLeafHashSchedule(row, chunk, chunkEnd, lastEnd);

  const nextState = (lane: number): Expression => b.next(c.hashState + lane);
  const nextInput = (lane: number): Expression => b.next((lane < 4 ? c.left : c.right) + (lane % 4));
  const lanes = Array.from({ length: 12 }, (_, i) => i);
  row.gate(row.leafBreak, ...lanes.slice(0, 8).map((i) => b.sub(nextState(i), nextInput(i))));
  row.gate(row.leafBreak, b.sub(nextState(8), LEAF_ELEMENTS), ...lanes.slice(9).map(nextState));
  for (const others of [
    [1n, 2n, 3n],
    [0n, 2n, 3n],
  ]) {
    const selector = b.mul(chunkEnd, row.roots(chunk, ...others));
    const absorbed = (i: number): Expression => b.sub(row.step(c.hashState + i), nextInput(i));
    row.gate(selector, ...lanes.map((i) => (i < 8 ? absorbed(i) : row.step(c.hashState + i))));
  }
  const beforeLast = b.mul(chunkEnd, row.roots(chunk, 0n, 1n, 3n));
  row.gate(beforeLast, b.sub(row.step(c.hashState), nextInput(0)));
  row.gate(beforeLast, ...lanes.slice(1).map((i) => row.step(c.hashState + i)));

  const onLast = b.mul(isLeafHash, row.roots(chunk, 0n, 1n, 2n));
  row.gate(onLast, ...[1, 2, 3].map((i) => b.current(c.left + i)), ...FOUR.map((i) => b.current(c.right + i)));
  row.gate(lastEnd, ...FOUR.map((i) => b.sub(b.current(c.hashState + i), b.current(c.out + i))));
  row.gate(isLeafHash, ...FOUR.map((i) => row.step(c.previous + i)));
  row.gate(b.mul(isLeafHash, row.active), ...FOUR.map((i) => row.step(c.running + i)));
  row.gate(b.mul(chunkEnd, b.sub(chunk, 3n)), ...FOUR.map((i) => row.step(c.running + i)));
  const grown = FOUR.map((i) => b.sub(b.next(c.running + i), row.append(c.running, i)));
  row.gate(b.mul(lastEnd, row.notLastEvent), ...grown);
  const padded = FOUR.map((i) => b.sub(b.mul(row.append(c.running, i), row.padPower), b.next(c.previous + i)));
  row.gate(b.mul(lastEnd, row.nodeBreak), ...padded);
}

function emitLeafHashSchedule(row: BatchRow, chunk: Expression, chunkEnd: Expression, lastEnd: Expression): void {
  const { b, isLeafHash } = row;
  const atEnd = b.sub(row.eventIndex, b.current(c.numEvents));
  row.gate(isLeafHash, b.sub(row.phase, 2n), b.sub(1n, isLeafHash), row.isLeaf, row.isCommit);
  row.gate(isLeafHash, row.isMerkle, row.isFinal, row.eventRow, atEnd, row.roots(chunk, 0n, 1n, 2n, 3n));
  const stays = b.sub(b.next(c.isLeafHash), 1n);
  const [node, size] = [row.step(c.node), row.step(c.size)];
  row.gate(b.mul(isLeafHash, row.active), stays, row.step(c.level), node, size);
  row.gate(b.mul(chunkEnd, b.sub(chunk, 3n)), stays, b.sub(row.step(c.level), 1n), node, size);
  row.gate(b.mul(lastEnd, row.notLastEvent), stays, b.next(c.level), row.nodeBreak, size);
  const startsCommit = b.sub(b.next(c.isCommit), 1n);
  row.gate(b.mul(lastEnd, row.nodeBreak), startsCommit, b.next(c.level), b.next(c.node), size);
}

/** Group D. */
export function emitLeafBinding(row: BatchRow): void {
  const { b, eventRow: r, isLeaf, notDone } = row;
  const carry = b.mul(notDone, b.sub(r, 2n));
  const update = row.roots(r, 0n, 1n, 3n);
  const leafNext = b.mul(isLeaf, row.notLastNode);
  row.gate(carry, ...FOUR.map((i) => row.step(c.right + i)));
  row.gate(update, ...FOUR.map((i) => b.sub(b.next(c.right + i), row.append(c.right, i))));
  row.gate(leafNext, ...FOUR.map((i) => row.step(c.right + i)));
  const padded = FOUR.map((i) => b.sub(b.mul(b.current(c.right + i), row.padPower), b.next(c.previous + i)));
  row.gate(row.leafBreak, ...padded);

  const eachCell = (selector: Expression, part: (accumulator: Accumulator, i: number) => Expression): void => {
    for (const accumulator of ACCUMULATORS)
      for (let i = 0; i < accumulator.width; i++) row.gate(selector, part(accumulator, i));
  };
  for (const accumulator of ACCUMULATORS) {
    for (let i = 0; i < accumulator.width; i++) row.gate(carry, row.step(accumulator.event + i));
    for (let i = 0; i < accumulator.width; i++) row.gate(update, accumulates(row, accumulator, accumulator.event, i));
  }
  eachCell(leafNext, (accumulator, i) => row.step(accumulator.event + i));
  eachCell(isLeaf, (accumulator, i) => accumulates(row, accumulator, accumulator.leaf, i));
  eachCell(row.leafBreak, (accumulator, i) => {
    const total = b.add(b.mul(b.current(accumulator.event + i), row.padPower), padding(row, accumulator, i));
    return b.sub(total, b.next(accumulator.leaf + i));
  });
}

/** x' - 11 x - contribution. */
function accumulates(row: BatchRow, accumulator: Accumulator, column: number, i: number): Expression {
  const { b } = row;
  return b.sub(b.next(column + i), b.mul(ACCUMULATOR_BASE, b.current(column + i)), contribution(row, accumulator, i));
}

function contribution(row: BatchRow, accumulator: Accumulator, i: number): Expression {
  const source = row.b.current(accumulator.source + i);
  return accumulator.isOffsetByPosition ? row.b.add(source, BigInt(i + 1)) : source;
}

/** What the padding leaves add: their contribution folded once per pad, so value * (11^pads - 1) / 10. */
function padding(row: BatchRow, accumulator: Accumulator, i: number): Expression {
  const { b } = row;
  const sum = b.parameter(BATCH_PARAMETERS.padSum);
  if (accumulator.isOffsetByPosition) return b.mul(BigInt(i + 1), sum);
  if (accumulator.source === c.policyHash) return b.mul(b.current(c.policyHash + i), sum);
  return b.mul(0n, sum);
}
