/** Fills the compliance trace (section 5.1), with the original's fillers in cells no constraint reads. */
import type { Kernels } from "../kernels.js";
import { permutationTrace } from "../rescue.js";
import { COMPLIANCE_COLUMNS as c } from "./compliance-air.js";
import { COMPLIANCE_SHAPE } from "./proof-shape.js";
import { bitsOf, limbDifference, limbsOf, TraceMatrix } from "./trace-matrix.js";

/** Filler for bit and borrow cells below the first row. */
const UNUSED = 2n;
/** Row on which the permutation's result stands. */
const RESULT_ROW = 14;

/** Requires amount <= limit, both u64; `inputElements` are the 47 public elements. */
export function complianceTrace(
  kernels: Kernels,
  amount: bigint,
  limit: bigint,
  inputElements: readonly bigint[],
): TraceMatrix {
  const rows = 2 ** COMPLIANCE_SHAPE.logTraceLength;
  const trace = new TraceMatrix(rows, COMPLIANCE_SHAPE.width);
  const limbs = limbsOf(amount);
  const states = permutationTrace(kernels, [...limbs, 0n, 0n, 0n, 0n, 0n, 0n, 8n, 0n, 0n, 0n]);
  for (let row = 0; row < rows; row++) {
    trace.set(row, c.state, ...states[Math.min(row, RESULT_ROW)]!);
    trace.set(row, c.limit, ...limbsOf(limit));
    trace.set(row, c.counter, BigInt(row));
    trace.set(row, c.phase, row > RESULT_ROW ? 1n : 0n);
    trace.set(row, c.publicElements, ...inputElements);
    if (row === 0) continue;
    const unused = new Array<bigint>(64).fill(UNUSED);
    trace.set(row, c.amountBits, ...unused);
    trace.set(row, c.differenceBits, ...unused);
    trace.set(row, c.borrow, UNUSED, UNUSED);
  }
  const { difference, borrow } = limbDifference(amount, limit);
  trace.set(0, c.amount, ...limbs);
  trace.set(0, c.isFirst, 1n);
  trace.set(0, c.amountBits, ...bitsOf(...limbs));
  trace.set(0, c.difference, ...difference);
  trace.set(0, c.borrow, ...borrow);
  trace.set(0, c.differenceBits, ...bitsOf(...difference));
  trace.set(rows - 1, c.isLast, 1n);
  return trace;
}
