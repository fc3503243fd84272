/** Row-major execution trace under construction; cells start at 0. */
export class TraceMatrix {
  readonly cells: BigUint64Array;

  constructor(
    readonly rows: number,
    readonly width: number,
  ) {
    this.cells = new BigUint64Array(rows * width);
  }

  /** Writes consecutive columns of one row. */
  set(row: number, column: number, ...values: readonly bigint[]): void {
    this.cells.set(values, row * this.width + column);
  }

  get(row: number, column: number): bigint {
    return this.cells[row * this.width + column]!;
  }
}

/** The low and high 32 bits of a u64. */
export function limbsOf(value: bigint): [bigint, bigint] {
  return [value & 0xffffffffn, value >> 32n];
}

/** The 64 bits of two 32-bit limbs, least significant first. */
export function bitsOf(low: bigint, high: bigint): bigint[] {
  return Array.from({ length: 64 }, (_, i) => ((i < 32 ? low : high) >> BigInt(i % 32)) & 1n);
}

/** limit - amount by 32-bit limbs, with the borrow of each limb (section 5.1). The last borrow is 1 if amount > limit. */
export function limbDifference(
  amount: bigint,
  limit: bigint,
): { readonly difference: [bigint, bigint]; readonly borrow: [bigint, bigint] } {
  const [a0, a1] = limbsOf(amount);
  const [t0, t1] = limbsOf(limit);
  const borrow0 = a0 > t0 ? 1n : 0n;
  const borrow1 = a1 + borrow0 > t1 ? 1n : 0n;
  return { difference: [t0 - a0 + (borrow0 << 32n), t1 - a1 - borrow0 + (borrow1 << 32n)], borrow: [borrow0, borrow1] };
}
