/**
 * Names for the cells and selectors that batch constraints share (section 8.6, "Abbreviations"). Expressions are interned
 * by the builder, so asking twice costs nothing.
 */
import { ACCUMULATOR_BASE, BATCH_COLUMNS as c } from "./batch-columns.js";
import type { Expression, Operand, ProgramBuilder } from "./constraint-program.js";

/** Parameters of the batch program, by index. */
export const BATCH_PARAMETERS = { events: 0, padPower: 1, padSum: 2 } as const;

export class BatchRow {
  readonly eventRow: Expression;
  readonly eventIndex: Expression;
  readonly flag: Expression;
  readonly phase: Expression;
  readonly notDone: Expression;
  readonly isLeaf: Expression;
  readonly isLeafHash: Expression;
  readonly isCommit: Expression;
  readonly isMerkle: Expression;
  readonly isFinal: Expression;
  readonly active: Expression;
  readonly init: Expression;
  readonly forward: Expression;
  /** 11^(leaves - events). */
  readonly padPower: Expression;

  constructor(readonly b: ProgramBuilder) {
    this.eventRow = b.current(c.eventRow);
    this.eventIndex = b.current(c.eventIndex);
    this.flag = b.current(c.flag);
    this.phase = b.current(c.phase);
    this.notDone = b.sub(1n, b.current(c.done));
    this.isLeaf = b.current(c.isLeaf);
    this.isLeafHash = b.current(c.isLeafHash);
    this.isCommit = b.current(c.isCommit);
    this.isMerkle = b.current(c.isMerkle);
    this.isFinal = b.current(c.isFinal);
    this.active = b.periodic(0);
    this.init = b.periodic(1);
    this.forward = b.periodic(2);
    this.padPower = b.parameter(BATCH_PARAMETERS.padPower);
  }

  /** x' - x. */
  step(column: number): Expression {
    return this.b.sub(this.b.next(column), this.b.current(column));
  }

  /** Product of (x - root). */
  roots(x: Expression, ...roots: bigint[]): Expression {
    const [first, ...rest] = roots.map((root) => (root === 0n ? x : this.b.sub(x, root)));
    return this.b.mul(first!, ...rest);
  }

  /** Emits selector * part for every part. */
  gate(selector: Expression, ...parts: Operand[]): void {
    for (const part of parts) this.b.emit(this.b.mul(selector, part));
  }

  /** 11 * x_i + out_i: a value appended to the accumulator in `column`. */
  append(column: number, i: number): Expression {
    return this.b.add(this.b.mul(ACCUMULATOR_BASE, this.b.current(column + i)), this.b.current(c.out + i));
  }

  get pair(): Expression {
    return this.b.add(this.isCommit, this.isMerkle);
  }

  /** A permutation runs on this row. */
  get hashes(): Expression {
    return this.b.add(this.isLeafHash, this.pair, this.isFinal);
  }

  get inactive(): Expression {
    return this.b.sub(1n, this.active);
  }

  get commitEnd(): Expression {
    return this.b.mul(this.isCommit, this.inactive);
  }

  get merkleEnd(): Expression {
    return this.b.mul(this.isMerkle, this.inactive);
  }

  /** Zero on the last node of a level. */
  get notLastNode(): Expression {
    return this.b.sub(this.b.current(c.size), this.b.current(c.node), 1n);
  }

  /** Zero unless the next row starts a new level or phase. */
  get nodeBreak(): Expression {
    return this.b.sub(this.b.next(c.node), this.b.current(c.node), 1n);
  }

  get notRoot(): Expression {
    return this.b.sub(this.b.current(c.size), 1n);
  }

  /** Zero on the last event's row group. */
  get notLastEvent(): Expression {
    return this.b.sub(this.b.current(c.numEvents), this.b.current(c.node), 1n);
  }

  get commitBreak(): Expression {
    return this.b.mul(this.commitEnd, this.nodeBreak);
  }

  get merkleClimb(): Expression {
    return this.b.mul(this.merkleEnd, this.nodeBreak, this.notRoot);
  }

  get leafBreak(): Expression {
    return this.b.mul(this.isLeaf, this.nodeBreak);
  }

  /** Product over 2, 4, .., 128 of (size - k): non-zero only for a single leaf. */
  get singleLeaf(): Expression {
    return this.roots(this.b.current(c.size), 2n, 4n, 8n, 16n, 32n, 64n, 128n);
  }
}
