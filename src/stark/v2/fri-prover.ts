/** FRI commitment phase (section 9 step 7) and the openings it needs afterwards. */
import type { Kernels, Pointer } from "../kernels.js";
import { interpolateOnCoset } from "./evaluation-domain.js";
import { buildTree, type DigestTree, digestTreeRoot } from "./merkle-opening.js";
import { friPlan, LOG_BLOWUP, type ProofOptions } from "./options.js";
import type { Transcript } from "./transcript.js";

export interface FriLayer {
  /** Rows in wire form, `folding` elements each; row i holds the values at i, i + rows, i + 2 rows, ... */
  readonly wire: Pointer;
  readonly rows: number;
  readonly tree: DigestTree;
}

export interface FriCommitments {
  readonly layers: readonly FriLayer[];
  /** Remainder coefficients in wire form, ascending. */
  readonly remainder: Pointer;
  readonly remainderBytes: number;
  /** Digest of the remainder. */
  readonly remainderCommitment: Pointer;
}

/** Commits to `values` (16-byte elements over the extension domain) and absorbs every commitment. */
export function commitFri(
  kernels: Kernels,
  transcript: Transcript,
  options: ProofOptions,
  logTraceLength: number,
  values: Pointer,
): FriCommitments {
  const { call } = kernels;
  const { folding, extensionDegree } = options;
  const logFolding = Math.log2(folding);
  const plan = friPlan(options, logTraceLength);
  let logDomain = logTraceLength + LOG_BLOWUP;
  let current = values;
  const layers: FriLayer[] = [];
  for (let i = 0; i < plan.layers; i++) {
    const rows = 2 ** (logDomain - logFolding);
    const elements = transposeRows(kernels, current, rows, folding);
    const wire = kernels.alloc(rows * folding * 8 * extensionDegree);
    call.storeElements(wire, elements, rows * folding, extensionDegree);
    const leaves = kernels.alloc(rows * 32);
    call.hashRows(leaves, wire, folding * 8 * extensionDegree, rows);
    const tree = buildTree(kernels, leaves, logDomain - logFolding);
    transcript.reseed(digestTreeRoot(tree));
    current = kernels.alloc(rows * 16);
    call.foldRows(current, elements, rows, logFolding, 0, logDomain, transcript.draw(1));
    layers.push({ wire, rows, tree });
    logDomain -= logFolding;
  }
  const remainder = commitRemainder(kernels, current, logDomain, plan.remainderLength, extensionDegree);
  transcript.reseed(remainder.remainderCommitment);
  return { layers, ...remainder };
}

/** Row i = values at i, i + rows, ... as 16-byte elements. */
function transposeRows(kernels: Kernels, values: Pointer, rows: number, folding: number): Pointer {
  const out = kernels.alloc(rows * folding * 16);
  const from = kernels.elements(values, rows * folding * 2);
  const to = kernels.elements(out, rows * folding * 2);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let j = 0; j < folding; j++) {
      const source = 2 * (row + j * rows);
      to[at++] = from[source]!;
      to[at++] = from[source + 1]!;
    }
  }
  return out;
}

function commitRemainder(
  kernels: Kernels,
  values: Pointer,
  logDomain: number,
  length: number,
  degree: 1 | 2,
): Omit<FriCommitments, "layers"> {
  const remainderBytes = length * 8 * degree;
  const remainder = kernels.alloc(remainderBytes);
  for (let limb = 0; limb < degree; limb++) {
    const column = interpolateOnCoset(kernels, values + 8 * limb, 16, logDomain);
    const coefficients = kernels.elements(column, length);
    const wire = kernels.elements(remainder, length * degree);
    for (let i = 0; i < length; i++) wire[i * degree + limb] = coefficients[i]!;
  }
  const remainderCommitment = kernels.alloc(32);
  kernels.call.hash(remainderCommitment, remainder, remainderBytes);
  return { remainder, remainderBytes, remainderCommitment };
}
