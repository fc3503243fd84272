/**
 * FRI verification (section 3.7), ending with the check the original leaves out: the remainder polynomial must be the one
 * that was committed before the queries were drawn (finding F1).
 */
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import { verifyOpening } from "./merkle-opening.js";
import { LOG_BLOWUP } from "./options.js";
import type { FriLayerLayout, ProofLayout } from "./proof-parser.js";

/** Values of the current layer at its positions; positions are in first-seen order, not sorted. */
interface LayerState {
  readonly positions: readonly number[];
  readonly values: Pointer;
  readonly logDomain: number;
}

/** `alphas` holds one element per layer; `proof` is where the proof's bytes lie; `values` are the DEEP values. */
export function verifyFri(
  kernels: Kernels,
  layout: ProofLayout,
  proof: Pointer,
  alphas: Pointer,
  positions: readonly number[],
  values: Pointer,
): Refusal | null {
  let state: LayerState = { positions, values, logDomain: layout.shape.logTraceLength + LOG_BLOWUP };
  for (const [i, layer] of layout.friLayers.entries()) {
    const root = proof + layout.commitmentsAt + 32 * (2 + i);
    const folded = verifyLayer(kernels, layout, layer, proof, root, alphas + 16 * i, state);
    if ("code" in folded) return folded;
    state = folded;
  }
  return verifyRemainder(kernels, layout, proof, state);
}

function verifyLayer(
  kernels: Kernels,
  layout: ProofLayout,
  layer: FriLayerLayout,
  proof: Pointer,
  root: Pointer,
  alpha: Pointer,
  state: LayerState,
): LayerState | Refusal {
  const { call } = kernels;
  const { folding, extensionDegree } = layout.options;
  const logFolding = Math.log2(folding);
  const rowCount = 2 ** (state.logDomain - logFolding);
  const folded = [...new Set(state.positions.map((position) => position % rowCount))];
  if (folded.length !== layer.rows) return refuse("FRI_LAYER_INCONSISTENT", "number of rows");

  const wire = proof + layer.rowsAt;
  const rows = kernels.alloc(layer.rows * folding * 16);
  if (call.loadElements(rows, wire, layer.rows * folding, extensionDegree) === 0) {
    return refuse("NON_CANONICAL_ELEMENT", "FRI layer row");
  }
  const leaves = kernels.alloc(layer.rows * 32);
  call.hashRows(leaves, wire, folding * 8 * extensionDegree, layer.rows);
  if (!verifyOpening(kernels, root, folded, leaves, layer.opening, proof)) {
    return refuse("OPENING_INVALID", "FRI layer");
  }
  const rowOf = new Map(folded.map((position, row) => [position, row]));
  const claimed = kernels.elements(rows, layer.rows * folding * 2);
  const carried = kernels.elements(state.values, state.positions.length * 2);
  for (const [k, position] of state.positions.entries()) {
    const at = 2 * (rowOf.get(position % rowCount)! * folding + Math.floor(position / rowCount));
    if (claimed[at] !== carried[2 * k] || claimed[at + 1] !== carried[2 * k + 1]) {
      return refuse("FRI_LAYER_INCONSISTENT", "row disagrees with the previous layer");
    }
  }
  const values = kernels.alloc(layer.rows * 16);
  call.foldRows(values, rows, layer.rows, logFolding, kernels.putWords(folded), state.logDomain, alpha);
  return { positions: folded, values, logDomain: state.logDomain - logFolding };
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
