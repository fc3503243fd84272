/**
 * FRI verification (section 3.7), ending with the check the original leaves out: the remainder polynomial must be the one
 * that was committed before the queries were drawn (finding F1).
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import { LOG_BLOWUP, type ProofOptions } from "./options.js";
import type { ProofLayout } from "./proof-parser.js";
import type { OpenedRows } from "./query-openings.js";

/** Values of the current layer at its positions; positions are in first-seen order, not sorted. */
interface LayerState {
  readonly positions: readonly number[];
  readonly values: Pointer;
  readonly logDomain: number;
}

/**
 * `layers` are the opened rows of each layer, already found to be committed; `alphas` one element for each; `values` the
 * DEEP values at the queried positions. `proof` is where the proof's bytes lie.
 */
export function verifyFri(
  kernels: Kernels,
  layout: ProofLayout,
  proof: Pointer,
  layers: readonly OpenedRows[],
  alphas: readonly Pointer[],
  positions: readonly number[],
  values: Pointer,
): Refusal | null {
  let state: LayerState = { positions, values, logDomain: layout.shape.logTraceLength + LOG_BLOWUP };
  for (const [i, layer] of layers.entries()) {
    const folded = verifyLayer(kernels, layout.options, layer, alphas[i]!, state);
    if ("code" in folded) return folded;
    state = folded;
  }
  return verifyRemainder(kernels, layout, proof, state);
}

function verifyLayer(
  kernels: Kernels,
  options: ProofOptions,
  layer: OpenedRows,
  alpha: Pointer,
  state: LayerState,
): LayerState | Refusal {
  const { call } = kernels;
  const { folding, extensionDegree } = options;
  const { positions } = layer;
  const logFolding = Math.log2(folding);
  const rowCount = 2 ** (state.logDomain - logFolding);
  const rows = kernels.alloc(positions.length * folding * 16);
  if (call.loadElements(rows, layer.rowsAt, positions.length * folding, extensionDegree) === 0) {
    return refuse("NON_CANONICAL_ELEMENT", "FRI layer row");
  }
  const rowOf = new Map(positions.map((position, row) => [position, row]));
  const claimed = kernels.elements(rows, positions.length * folding * 2);
  const carried = kernels.elements(state.values, state.positions.length * 2);
  for (const [k, position] of state.positions.entries()) {
    const at = 2 * (rowOf.get(position % rowCount)! * folding + Math.floor(position / rowCount));
    if (claimed[at] !== carried[2 * k] || claimed[at + 1] !== carried[2 * k + 1]) {
      return refuse("FRI_LAYER_INCONSISTENT", "row disagrees with the previous layer");
    }
  }
  const values = kernels.alloc(positions.length * 16);
  call.foldRows(values, rows, positions.length, logFolding, kernels.putWords(positions), state.logDomain, alpha);
  return { positions, values, logDomain: state.logDomain - logFolding };
}

function verifyRemainder(kernels: Kernels, layout: ProofLayout, proof: Pointer, state: LayerState): Refusal | null {
  const { call } = kernels;
  const { extensionDegree } = layout.options;
  const wire = proof + layout.remainderAt;
  const length = layout.remainderLength;
  const coefficients = kernels.alloc(length * 16);
  if (call.loadElements(coefficients, wire, length, extensionDegree) === 0) {
    return refuse("NON_CANONICAL_ELEMENT", "remainder");
  }
  const positions = kernels.putWords(state.positions);
  const count = state.positions.length;
  if (call.checkRemainder(coefficients, length, state.values, positions, count, state.logDomain) === 0) {
    return refuse("REMAINDER_INCONSISTENT", "remainder disagrees with the last layer");
  }
  // Last on purpose: a proof refused here passed everything the original verifier checks.
  const digest = kernels.alloc(32);
  call.hash(digest, wire, length * 8 * extensionDegree);
  const committed = proof + layout.commitmentsAt + 32 * (2 + layout.friLayers.length);
  if (!kernels.digestsEqual(digest, committed)) {
    return refuse("REMAINDER_COMMITMENT_MISMATCH", "the remainder is not the committed one");
  }
  return null;
}
