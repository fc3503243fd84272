/**
 * Fills the batch trace (section 8.8). Cells no constraint reads carry the original's fillers, so that proofs are equal
 * byte for byte.
 */
import { fieldAdd, fieldMul } from "../field.js";
import type { Kernels } from "../kernels.js";
import { permutationTrace } from "../rescue.js";
import { BATCH_PHASES, complianceStart } from "./batch-air.js";
import { ACCUMULATOR_BASE, ACCUMULATORS, COMPLIANCE_BASE, BATCH_COLUMNS as c } from "./batch-columns.js";
import { type BatchPlan, batchPlan } from "./batch-statement.js";
import type { BatchLeaf, BatchWitness } from "./batch-witness.js";
import { batchShape } from "./proof-shape.js";
import { bitsOf, limbDifference, limbsOf, TraceMatrix } from "./trace-matrix.js";

const ZERO4: readonly bigint[] = [0n, 0n, 0n, 0n];
const ROWS_PER_EVENT = 4;
/** Filler for bit, limb and difference cells that are not in use on a row. */
const UNUSED = 2n;

export function batchTrace(kernels: Kernels, witness: BatchWitness): TraceMatrix {
  return new BatchTrace(kernels, witness).fill();
}

/** 11 * total + values, lane by lane. */
function append(total: readonly bigint[], values: readonly bigint[]): bigint[] {
  return total.map((value, i) => fieldAdd(fieldMul(value, ACCUMULATOR_BASE), values[i]!));
}

class BatchTrace {
  readonly #matrix: TraceMatrix;
  readonly #plan: BatchPlan;
  /** Running values of the accumulators, by side; what each row shows. */
  readonly #eventSums = ACCUMULATORS.map((accumulator) => new Array<bigint>(accumulator.width).fill(0n));
  readonly #leafSums = ACCUMULATORS.map((accumulator) => new Array<bigint>(accumulator.width).fill(0n));
  #compliance: bigint;
  #leafSum: readonly bigint[] = ZERO4;
  #row = 0;

  constructor(
    readonly kernels: Kernels,
    readonly witness: BatchWitness,
  ) {
    this.#plan = batchPlan(witness.inputs.events);
    const { width } = batchShape(this.#plan.logTraceLength);
    this.#matrix = new TraceMatrix(2 ** this.#plan.logTraceLength, width);
    this.#compliance = complianceStart(witness.inputs.events);
  }

  fill(): TraceMatrix {
    const { leaves } = this.witness;
    for (const [i, leaf] of leaves.entries()) this.#event(i, leaf);
    this.#leafRows();
    this.#leafHashes();
    this.#commitments();
    this.#merkle();
    this.#final();
    while (this.#row < this.#matrix.rows) {
      this.#later(BATCH_PHASES.padding);
      this.#row++;
    }
    this.#constants();
    return this.#matrix;
  }

  #set(column: number, ...values: readonly bigint[]): void {
    this.#matrix.set(this.#row, column, ...values);
  }

  #sums(): void {
    for (const [k, accumulator] of ACCUMULATORS.entries()) {
      this.#set(accumulator.event, ...this.#eventSums[k]!);
      this.#set(accumulator.leaf, ...this.#leafSums[k]!);
    }
    this.#set(c.compliance, this.#compliance);
  }

  /** What a leaf contributes to each accumulator; a padding leaf contributes policy and amount positions only. */
  #contributions(leaf: BatchLeaf | undefined): (readonly bigint[])[] {
    const [low, high] = limbsOf(leaf?.amount ?? 0n);
    return [
      leaf?.commitment ?? ZERO4,
      leaf?.eventId ?? ZERO4,
      this.witness.policyLimbs,
      leaf?.inputHash ?? [...ZERO4, ...ZERO4],
      [low + 1n, high + 2n],
      [leaf?.isCompliant ? 1n : 0n],
    ];
  }

  #advance(sums: bigint[][], leaf: BatchLeaf | undefined): void {
    for (const [k, values] of this.#contributions(leaf).entries()) sums[k] = append(sums[k]!, values);
  }

  #event(index: number, leaf: BatchLeaf): void {
    const { difference, borrow } = limbDifference(leaf.amount, this.witness.effectiveLimit);
    const flag = leaf.isCompliant ? 1n : 0n;
    for (let row = 0; row < ROWS_PER_EVENT; row++) {
      if (row === 3) {
        this.#advance(this.#eventSums, leaf);
        this.#leafSum = append(this.#leafSum, leaf.hash);
        this.#compliance = fieldMul(this.#compliance, fieldMul(COMPLIANCE_BASE, flag));
      }
      const rest = new Array<bigint>(6).fill(row === 0 ? 0n : UNUSED);
      this.#set(c.commitment, ...leaf.commitment, ...leaf.eventId);
      this.#set(c.amount, ...limbsOf(leaf.amount), ...rest);
      this.#set(c.limit, ...limbsOf(this.witness.effectiveLimit), ...rest);
      this.#set(c.inputHash, ...leaf.inputHash);
      this.#set(c.counter, BigInt(this.#row));
      this.#set(c.bits, ...this.#eventBits(row, leaf, difference));
      this.#set(c.left, ...(row === 1 ? difference : [UNUSED, UNUSED]));
      this.#set(c.left + 2, ...(row === 1 || row === 2 ? borrow : [UNUSED, UNUSED]));
      this.#set(c.right, ...this.#leafSum);
      if (row === 2) this.#set(c.out, ...leaf.hash);
      this.#set(c.flag, row === 2 ? flag : 1n - flag);
      this.#set(c.eventIndex, BigInt(index));
      this.#set(c.eventRow, BigInt(row));
      this.#sums();
      this.#row++;
    }
  }

  #eventBits(row: number, leaf: BatchLeaf, difference: readonly [bigint, bigint]): bigint[] {
    if (row === 0) return bitsOf(...limbsOf(leaf.amount));
    if (row === 1) return bitsOf(...difference);
    return new Array<bigint>(64).fill(UNUSED);
  }

  /** Cells every row after the events shares; the flag cell gets the original's pseudo-random filler. */
  #later(phase: number): void {
    this.#set(c.phase, BigInt(phase));
    this.#set(c.eventIndex, BigInt(this.witness.inputs.events));
    this.#set(c.done, 1n);
    this.#set(c.flag, flagFiller(this.#row));
    this.#sums();
  }

  #leafCells(leaf: BatchLeaf): void {
    this.#set(c.commitment, ...leaf.commitment, ...leaf.eventId);
    this.#set(c.amount, ...limbsOf(leaf.amount));
    this.#set(c.inputHash, ...leaf.inputHash);
    this.#set(c.flag, leaf.isCompliant ? 1n : 0n);
  }

  #node(kind: number, level: number, node: number, size: number): void {
    this.#set(kind, 1n);
    this.#set(c.level, BigInt(level), BigInt(node), BigInt(size));
  }

  #leafRows(): void {
    const eventSum = this.#leafSum;
    this.#leafSum = ZERO4;
    for (let k = 0; k < this.#plan.leaves; k++) {
      const leaf = this.witness.leaves[k];
      this.#later(BATCH_PHASES.leaf);
      this.#set(c.flag, 0n);
      if (leaf !== undefined) this.#leafCells(leaf);
      this.#node(c.isLeaf, 0, k, this.#plan.leaves);
      this.#set(c.right, ...eventSum);
      this.#set(c.out, ...(leaf?.hash ?? ZERO4));
      this.#set(c.previous, ...this.#leafSum);
      this.#advance(this.#leafSums, leaf);
      this.#leafSum = append(this.#leafSum, leaf?.hash ?? ZERO4);
      this.#row++;
    }
  }

  /** The 15 rows of one permutation; `cells` writes what stays the same on all of them. Returns the last state. */
  #permutation(phase: number, state: readonly bigint[], cells: (step: number) => void): readonly bigint[] {
    const states = permutationTrace(this.kernels, state);
    for (const [step, values] of states.entries()) {
      this.#later(phase);
      this.#set(c.hashState, ...values);
      this.#set(c.step, BigInt(step));
      cells(step);
      this.#row++;
    }
    return states.at(-1)!;
  }

  #leafHashes(): void {
    let running: readonly bigint[] = ZERO4;
    for (const [event, leaf] of this.witness.leaves.entries()) {
      const flag = leaf.isCompliant ? 1n : 0n;
      const chunks = [
        [...leaf.eventId, ...leaf.commitment],
        this.witness.policyLimbs,
        leaf.inputHash,
        [flag, 0n, 0n, 0n, 0n, 0n, 0n, 0n],
      ];
      let state: readonly bigint[] = [...ZERO4, ...ZERO4, 25n, 0n, 0n, 0n];
      for (const [level, chunk] of chunks.entries()) {
        const absorbed = state.map((value, i) => fieldAdd(value, chunk[i] ?? 0n));
        state = this.#permutation(BATCH_PHASES.leafHash, absorbed, () => {
          this.#leafCells(leaf);
          this.#node(c.isLeafHash, level, event, this.#plan.leaves);
          this.#set(c.left, ...chunk);
          this.#set(c.out, ...leaf.hash);
          this.#set(c.previous, ...this.#leafSum);
          this.#set(c.running, ...running);
        });
      }
      running = append(running, leaf.hash);
    }
  }

  #commitments(): void {
    let running: readonly bigint[] = ZERO4;
    let consumed: readonly bigint[] = [0n, 0n];
    for (const [event, leaf] of this.witness.leaves.entries()) {
      const limbs = [...limbsOf(leaf.amount), 0n, 0n, ...ZERO4];
      this.#permutation(BATCH_PHASES.commitment, [...limbs, ...ZERO4], () => {
        this.#node(c.isCommit, 0, event, this.#plan.leaves);
        this.#set(c.amount, ...limbs);
        this.#set(c.left, ...limbs);
        this.#set(c.out, ...leaf.commitment);
        this.#set(c.previous, ...this.#leafSum);
        this.#set(c.consumed, ...consumed);
        this.#set(c.running, ...running);
      });
      running = append(running, leaf.commitment);
      consumed = append(consumed, [limbs[0]! + 1n, limbs[1]! + 2n]);
    }
  }

  #merkle(): void {
    let previous = this.#leafSum;
    for (const [k, below] of this.witness.levels.slice(0, -1).entries()) {
      const nodes = this.witness.levels[k + 1]!;
      let consumed: readonly bigint[] = ZERO4;
      let running: readonly bigint[] = ZERO4;
      for (const [node, out] of nodes.entries()) {
        const [left, right] = [below[2 * node]!, below[2 * node + 1]!];
        const before = consumed;
        consumed = append(append(consumed, left), right);
        const after = consumed;
        this.#permutation(BATCH_PHASES.merkle, [...left, ...right, ...ZERO4], (step) => {
          this.#node(c.isMerkle, k + 1, node, nodes.length);
          this.#set(c.left, ...left, ...right, ...out);
          this.#set(c.previous, ...previous);
          this.#set(c.consumed, ...(step === 0 ? before : after));
          this.#set(c.running, ...running);
        });
        running = append(running, out);
      }
      previous = running;
    }
  }

  #final(): void {
    const { inputs, levels, metadata } = this.witness;
    const root = levels.at(-1)![0]!;
    this.#permutation(BATCH_PHASES.final, [...root, ...metadata, ...inputs.previousRoot], () => {
      this.#node(c.isFinal, 0, 0, 0);
      this.#set(c.out, ...inputs.newRoot);
      this.#set(c.previous, ...(inputs.events === 1 ? root : ZERO4));
    });
  }

  #constants(): void {
    const { inputs, levels, metadata, policyLimbs } = this.witness;
    for (this.#row = 0; this.#row < this.#matrix.rows; this.#row++) {
      this.#set(c.numEvents, BigInt(inputs.events));
      this.#set(c.root, ...levels.at(-1)![0]!);
      this.#set(c.previousRoot, ...inputs.previousRoot, ...inputs.newRoot);
      this.#set(c.batchId, ...inputs.batchId, ...inputs.tenantId, ...inputs.storeId);
      this.#set(c.sequenceStart, inputs.sequenceStart, inputs.sequenceEnd, inputs.timestamp);
      this.#set(c.metadataHash, ...metadata, ...policyLimbs, inputs.policyLimit);
    }
    this.#matrix.set(0, c.isFirst, 1n);
    this.#matrix.set(0, c.first, 1n);
    this.#matrix.set(this.#matrix.rows - 1, c.last, 1n);
  }
}

/** Lowest bit of splitmix64(row) (section 8.8). */
function flagFiller(row: number): bigint {
  const mask = 0xffffffffffffffffn;
  let x = (BigInt(row) + 0x9e3779b97f4a7c15n) & mask;
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & mask;
  return (x ^ (x >> 31n)) & 1n;
}
