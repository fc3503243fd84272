/**
 * The rows that the queries read, and their openings (section 3.5): of the trace, of the constraint columns and of each FRI
 * layer. Planned all together before the first row is hashed.
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import { type MergeLevel, planOpening, runMerges } from "./merkle-opening.js";
import { LOG_BLOWUP } from "./options.js";
import type { Opening, ProofLayout } from "./proof-parser.js";

/** Rows of one committed matrix: on the wire, and the merges from their digests to its root. */
export interface OpenedRows {
  readonly what: "trace" | "constraints" | "FRI layer";
  /** Distinct; one row each. Ascending but in FRI layers, where they are in first-seen order. */
  readonly positions: readonly number[];
  readonly rowsAt: Pointer;
  readonly rowBytes: number;
  /** Room for the rows' digests. */
  readonly leaves: Pointer;
  readonly levels: readonly MergeLevel[];
  /** The commitment. */
  readonly root: Pointer;
}

/** Trace, constraints, then the FRI layers: the order of the commitments. `proof` is where the proof's bytes lie. */
export function planOpenings(
  kernels: Kernels,
  layout: ProofLayout,
  proof: Pointer,
  positions: readonly number[],
): OpenedRows[] | Refusal {
  const { width, compositionColumns, logTraceLength } = layout.shape;
  const { folding, extensionDegree } = layout.options;
  const limbs = 8 * extensionDegree;
  const planned: OpenedRows[] = [];
  const plan = (
    what: OpenedRows["what"],
    positions: readonly number[],
    rowsAt: number,
    rowBytes: number,
    opening: Opening,
  ): boolean => {
    const leaves = kernels.alloc(32 * positions.length);
    const levels = planOpening(kernels, positions, leaves, opening, proof);
    if (levels === null) return false;
    const root = proof + layout.commitmentsAt + 32 * planned.length;
    planned.push({ what, positions, rowsAt: proof + rowsAt, rowBytes, leaves, levels, root });
    return true;
  };
  if (!plan("trace", positions, layout.traceRowsAt, 8 * width, layout.traceOpening)) {
    return refuse("OPENING_INVALID", "trace");
  }
  if (!plan("constraints", positions, layout.partRowsAt, limbs * compositionColumns, layout.partOpening)) {
    return refuse("OPENING_INVALID", "constraints");
  }
  let folded = positions;
  for (const [i, { rows, rowsAt, opening }] of layout.friLayers.entries()) {
    folded = foldPositions(folded, 2 ** (logTraceLength + LOG_BLOWUP) / folding ** (i + 1));
    if (folded.length !== rows) return refuse("FRI_LAYER_INCONSISTENT", "number of rows");
    if (!plan("FRI layer", folded, rowsAt, limbs * folding, opening)) return refuse("OPENING_INVALID", "FRI layer");
  }
  return planned;
}

/** The rows of the next FRI layer that positions of this one fall into, in first-seen order. */
function foldPositions(positions: readonly number[], rowCount: number): number[] {
  return [...new Set(positions.map((position) => position % rowCount))];
}

/** True if these are the committed rows. Each row and each digest of the opening is hashed once. */
export function areCommitted(kernels: Kernels, opened: OpenedRows): boolean {
  const { rowsAt, rowBytes, positions, leaves, levels, root } = opened;
  kernels.call.hashRows(leaves, rowsAt, rowBytes, positions.length);
  return kernels.digestsEqual(runMerges(kernels, levels), root);
}
