/** Batch constraints over leaf, commitment, Merkle and final rows: group B of section 8.6, 177 constraints. */
import { MDS, MDS_INVERSE } from "../rescue-constants.js";
import { BATCH_COLUMNS as c } from "./batch-columns.js";
import type { BatchRow } from "./batch-row.js";
import type { Expression } from "./constraint-program.js";

const FOUR = [0, 1, 2, 3];
const LANES = Array.from({ length: 12 }, (_, i) => i);

export function emitTree(row: BatchRow): void {
  emitRowKinds(row);
  emitLeafRows(row);
  emitCommitmentRows(row);
  emitMerkleRows(row);
  emitPermutation(row);
  emitHashInputs(row);
  emitHashOutputs(row);
  emitLevelLinks(row);
  emitAmountLinks(row);
}

function emitRowKinds(row: BatchRow): void {
  const { b, phase, isLeaf, isCommit, isMerkle, isFinal } = row;
  const kinds = [isLeaf, isCommit, isMerkle, isFinal];
  for (const [i, kind] of kinds.entries()) b.emit(b.mul(kind, b.sub(phase, [1n, 3n, 4n, 5n][i]!)));
  b.emit(b.bit(isLeaf), b.bit(isCommit), b.bit(isFinal), b.bit(isMerkle));
  row.gate(isLeaf, isCommit, isMerkle, isFinal);
  row.gate(isCommit, isMerkle, isFinal);
  row.gate(isMerkle, isFinal);
  for (const kind of kinds) b.emit(b.mul(kind, row.eventRow));
  for (const kind of kinds) b.emit(b.mul(kind, b.sub(row.eventIndex, b.current(c.numEvents))));
}

function emitLeafRows(row: BatchRow): void {
  const { b, isLeaf } = row;
  const nextIsLeaf = b.next(c.isLeaf);
  b.emit(b.mul(row.active, b.sub(row.hashes, 1n)), b.mul(row.init, b.sub(row.hashes, 1n)));
  b.emit(b.mul(isLeaf, b.current(c.level)), b.mul(isLeaf, row.notLastNode, b.sub(nextIsLeaf, 1n)));
  b.emit(b.mul(isLeaf, nextIsLeaf, row.nodeBreak), b.mul(isLeaf, nextIsLeaf, row.step(c.size)));
  row.gate(row.leafBreak, b.sub(b.next(c.isLeafHash), 1n), b.next(c.level), b.next(c.node), row.step(c.size));
  b.emit(b.mul(row.isCommit, b.current(c.level)));
}

/** 2 * size' - size: the next level has half the nodes. */
function halves(row: BatchRow): Expression {
  return row.b.sub(row.b.mul(2n, row.b.next(c.size)), row.b.current(c.size));
}

function emitCommitmentRows(row: BatchRow): void {
  const { b } = row;
  const staysCommit = b.sub(b.next(c.isCommit), 1n);
  const [level, node, size] = [b.next(c.level), b.next(c.node), row.step(c.size)];
  row.gate(b.mul(row.isCommit, row.active), staysCommit, level, row.step(c.node), size);
  row.gate(b.mul(row.commitEnd, row.notLastEvent), staysCommit, level, row.nodeBreak, size);
  const startsMerkle = b.sub(b.next(c.isMerkle), 1n);
  row.gate(b.mul(row.commitBreak, row.notRoot), startsMerkle, b.sub(level, 1n), node, halves(row));
  const startsFinal = b.sub(b.next(c.isFinal), 1n);
  row.gate(b.mul(row.commitEnd, row.singleLeaf), startsFinal, level, node, b.next(c.size));
}

function emitMerkleRows(row: BatchRow): void {
  const { b } = row;
  const staysMerkle = b.sub(b.next(c.isMerkle), 1n);
  const [level, size] = [row.step(c.level), row.step(c.size)];
  row.gate(b.mul(row.isMerkle, row.active), staysMerkle, level, row.step(c.node), size);
  row.gate(b.mul(row.merkleEnd, row.notLastNode), staysMerkle, level, row.nodeBreak, size);
  row.gate(row.merkleClimb, staysMerkle, b.sub(level, 1n), b.next(c.node), halves(row));
}

function emitPermutation(row: BatchRow): void {
  const { b } = row;
  const selector = b.mul(row.hashes, row.active);
  const state = LANES.map((i) => b.current(c.hashState + i));
  const seventh = state.map((x) => b.pow7(x));
  for (const i of LANES) {
    const unkeyed = b.sub(b.next(c.hashState + i), b.periodic(3 + i));
    const forwardGap = b.sub(unkeyed, b.combine(MDS.slice(12 * i, 12 * i + 12), seventh));
    const backwardGap = b.sub(b.pow7(unkeyed), b.combine(MDS_INVERSE.slice(12 * i, 12 * i + 12), state));
    const gap = b.add(b.mul(row.forward, forwardGap), b.mul(b.sub(1n, row.forward), backwardGap));
    b.emit(b.mul(selector, gap));
  }
}

/** A permutation starts from its children, or from root, metadata hash and previous root. Capacity 0 (section 8.4). */
function emitHashInputs(row: BatchRow): void {
  const { b, pair, isFinal } = row;
  const selector = b.mul(row.init, b.add(pair, isFinal));
  for (const i of LANES) {
    const block = Math.floor(i / 4);
    const source = [c.root, c.metadataHash, c.previousRoot][block]! + (i % 4);
    const fromFinal = b.mul(isFinal, b.current(source));
    const state = b.current(c.hashState + i);
    if (block === 2) b.emit(b.mul(selector, b.sub(state, fromFinal)));
    else {
      const child = b.current([c.left, c.right][block]! + (i % 4));
      b.emit(b.mul(selector, b.sub(state, b.mul(pair, child), fromFinal)));
    }
  }
}

function emitHashOutputs(row: BatchRow): void {
  const { b } = row;
  const outOverRoot = FOUR.map((i) => b.sub(b.current(c.out + i), b.current(c.root + i)));
  const state = (lane: number): Expression => b.current(c.hashState + lane);
  row.gate(b.mul(row.isMerkle, b.sub(1n, b.next(c.isMerkle))), ...outOverRoot);
  row.gate(b.mul(row.isLeaf, row.singleLeaf), ...outOverRoot);
  const hashEnd = b.mul(row.hashes, row.inactive);
  const folded = FOUR.map((i) => b.add(state(i), b.mul(13n, state(4 + i)), b.mul(37n, state(8 + i))));
  row.gate(b.mul(hashEnd, row.isFinal), ...FOUR.map((i) => b.sub(folded[i]!, b.current(c.newRoot + i))));
  row.gate(b.mul(hashEnd, row.pair), ...FOUR.map((i) => b.sub(state(i), b.current(c.out + i))));
}

/** Fixed-base sums that tie one level's outputs to the next level's inputs (weak by design: finding F4). */
function emitLevelLinks(row: BatchRow): void {
  const { b, isLeaf, isCommit, isMerkle } = row;
  const x4 = (selector: Expression, part: (i: number) => Expression): void => row.gate(selector, ...FOUR.map(part));
  const becomes = (column: number, from: number) => (i: number) => b.sub(b.next(column + i), row.append(from, i));
  const keeps = (column: number) => (i: number) => row.step(column + i);
  const merkleNext = b.mul(row.merkleEnd, row.notLastNode);
  const merkleActive = b.mul(isMerkle, row.active);
  x4(isLeaf, becomes(c.previous, c.previous));
  x4(isLeaf, (i) => b.next(c.consumed + i));
  x4(isLeaf, (i) => b.next(c.running + i));
  x4(isCommit, keeps(c.previous));
  x4(merkleActive, keeps(c.previous));
  x4(merkleNext, keeps(c.previous));
  x4(row.merkleClimb, becomes(c.previous, c.running));
  x4(b.mul(isMerkle, row.init), (i) => {
    const children = b.add(b.mul(11n, b.current(c.left + i)), b.current(c.right + i));
    return b.sub(b.next(c.consumed + i), b.add(b.mul(121n, b.current(c.consumed + i)), children));
  });
  x4(b.mul(merkleActive, b.sub(1n, row.init)), keeps(c.consumed));
  x4(merkleNext, keeps(c.consumed));
  x4(merkleActive, keeps(c.running));
  x4(merkleNext, becomes(c.running, c.running));
  x4(b.mul(row.merkleEnd, row.nodeBreak), (i) => b.sub(b.current(c.previous + i), b.current(c.consumed + i)));
  x4(b.mul(isCommit, row.active), keeps(c.running));
  x4(b.mul(row.commitEnd, row.notLastEvent), becomes(c.running, c.running));
  x4(row.commitBreak, (i) => b.sub(row.append(c.running, i), b.next(c.eventCommitments + i)));
}

/**
 * Limbs hashed into commitments are those the event rows summed; the upper six limbs are zero. Where section 8.6 says
 * "i=0,1 each" the original emits formula by formula, as in the x4 lists.
 */
function emitAmountLinks(row: BatchRow): void {
  const { b, isCommit } = row;
  const limbs = [0, 1];
  const consumed = limbs.map((i) => b.add(b.mul(11n, b.current(c.consumed + i)), b.current(c.left + i), BigInt(i + 1)));
  const grown = limbs.map((i) => b.sub(b.next(c.consumed + i), consumed[i]!));
  const total = limbs.map((i) => b.sub(consumed[i]!, b.next(c.eventAmounts + i)));
  row.gate(b.mul(isCommit, row.active), ...limbs.map((i) => row.step(c.consumed + i)));
  row.gate(b.mul(row.commitEnd, row.notLastEvent), ...grown);
  row.gate(row.commitBreak, ...total);
  const onStart = b.mul(isCommit, row.init);
  row.gate(onStart, b.current(c.left + 2), b.current(c.left + 3), ...[0, 1, 2, 3].map((i) => b.current(c.right + i)));
}
