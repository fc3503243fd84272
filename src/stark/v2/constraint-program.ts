/**
 * Transition constraints as data. An AIR is written once with this builder; the result is a straight-line program that
 * the kernels run at one extension point (verifier) or over blocks of base points (prover), and that a test can run with
 * bigint. Equal subexpressions are computed once; registers are reused after their last reader.
 */

/** Index of a node in its builder. */
export type Expression = number & { readonly __expression: true };
/** Plain numbers and bigints stand for constants. */
export type Operand = Expression | bigint;

export type InputKind = "current" | "next" | "periodic" | "parameter" | "constant";

export interface ProgramInput {
  readonly kind: InputKind;
  readonly register: number;
  /** Column, periodic column or parameter index. */
  readonly index: number;
  /** Value of a constant. */
  readonly value: bigint;
}

export interface ConstraintProgram {
  /** Four words each: operation (0 add, 1 subtract, 2 multiply, 3 emit), target register or constraint, left, right. */
  readonly instructions: Uint32Array;
  readonly registers: number;
  readonly constraints: number;
  readonly inputs: readonly ProgramInput[];
}

const OPERATION_EMIT = 3;

interface Node {
  readonly operation: 0 | 1 | 2 | -1;
  readonly left: number;
  readonly right: number;
  readonly input: Omit<ProgramInput, "register"> | null;
}

export class ProgramBuilder {
  readonly #nodes: Node[] = [];
  readonly #known = new Map<string, Expression>();
  /** Node computed, or constraint emitted (negative: -1 - node). */
  readonly #events: number[] = [];

  current(column: number): Expression {
    return this.#input("current", column, 0n);
  }

  next(column: number): Expression {
    return this.#input("next", column, 0n);
  }

  periodic(index: number): Expression {
    return this.#input("periodic", index, 0n);
  }

  parameter(index: number): Expression {
    return this.#input("parameter", index, 0n);
  }

  add(first: Operand, ...rest: Operand[]): Expression {
    return rest.reduce<Expression>((sum, term) => this.#binary(0, sum, this.#resolve(term)), this.#resolve(first));
  }

  sub(left: Operand, ...rest: Operand[]): Expression {
    return rest.reduce<Expression>((sum, term) => this.#binary(1, sum, this.#resolve(term)), this.#resolve(left));
  }

  mul(first: Operand, ...rest: Operand[]): Expression {
    return rest.reduce<Expression>((all, factor) => this.#binary(2, all, this.#resolve(factor)), this.#resolve(first));
  }

  /** x^7. */
  pow7(x: Expression): Expression {
    const square = this.mul(x, x);
    return this.mul(square, square, square, x);
  }

  /** x * (1 - x): zero exactly for a bit. */
  bit(x: Expression): Expression {
    return this.mul(x, this.sub(1n, x));
  }

  /** Sum of coefficient * term over the non-zero coefficients. */
  combine(coefficients: readonly bigint[], terms: readonly Expression[]): Expression {
    let sum: Expression | null = null;
    for (const [i, coefficient] of coefficients.entries()) {
      const term = coefficient === 1n ? terms[i]! : this.mul(coefficient, terms[i]!);
      sum = sum === null ? term : this.add(sum, term);
    }
    return sum ?? this.#resolve(0n);
  }

  /** Adds the next constraint: this expression must vanish on every row but the last. */
  emit(...expressions: Expression[]): void {
    for (const expression of expressions) this.#events.push(-1 - expression);
  }

  build(): ConstraintProgram {
    const lastUse = new Map<number, number>();
    for (const [time, event] of this.#events.entries()) {
      const node = this.#nodes[event < 0 ? -1 - event : event]!;
      if (event < 0) lastUse.set(-1 - event, time);
      else lastUse.set(node.left, time).set(node.right, time);
    }
    const registerOf = new Map<number, number>();
    const inputs: ProgramInput[] = [];
    for (const [id, node] of this.#nodes.entries()) {
      if (node.input === null || !lastUse.has(id)) continue;
      registerOf.set(id, inputs.length);
      inputs.push({ ...node.input, register: inputs.length });
    }
    return this.#schedule(registerOf, inputs, lastUse);
  }

  #schedule(registerOf: Map<number, number>, inputs: ProgramInput[], lastUse: Map<number, number>): ConstraintProgram {
    const words: number[] = [];
    const free: number[] = [];
    let registers = inputs.length;
    let constraints = 0;
    const freeIfLast = (id: number, time: number): void => {
      if (lastUse.get(id) !== time || this.#nodes[id]!.input !== null) return;
      const register = registerOf.get(id)!;
      if (!free.includes(register)) free.push(register);
    };
    for (const [time, event] of this.#events.entries()) {
      if (event < 0) {
        words.push(OPERATION_EMIT, constraints++, registerOf.get(-1 - event)!, 0);
        freeIfLast(-1 - event, time);
        continue;
      }
      if (!lastUse.has(event)) continue;
      const { operation, left, right } = this.#nodes[event]!;
      const from = [registerOf.get(left)!, registerOf.get(right)!];
      freeIfLast(left, time);
      freeIfLast(right, time);
      const target = free.pop() ?? registers++;
      registerOf.set(event, target);
      words.push(operation, target, from[0]!, from[1]!);
    }
    return { instructions: Uint32Array.from(words), registers, constraints, inputs };
  }

  #resolve(operand: Operand): Expression {
    return typeof operand === "bigint" ? this.#input("constant", 0, operand) : operand;
  }

  #input(kind: InputKind, index: number, value: bigint): Expression {
    return this.#intern(`${kind}:${index}:${value}`, {
      operation: -1,
      left: 0,
      right: 0,
      input: { kind, index, value },
    });
  }

  #binary(operation: 0 | 1 | 2, left: Expression, right: Expression): Expression {
    const isCommuted = operation !== 1 && right < left;
    const [a, b] = isCommuted ? [right, left] : [left, right];
    return this.#intern(`${operation}:${a}:${b}`, { operation, left: a, right: b, input: null });
  }

  #intern(key: string, node: Node): Expression {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#nodes.length as Expression;
    this.#nodes.push(node);
    this.#known.set(key, id);
    if (node.input === null) this.#events.push(id);
    return id;
  }
}
