/** Entry of the kernel module: everything exported here becomes a function of the .wasm asset. */
export { fieldAdd, fieldMul, fieldSub, inv as fieldInv, pow as fieldPow } from "./field";
export { extInv, extMul, extPow2k, extInvBatch, loadElements, storeElements } from "./extension";
export { hash, merge, mergeWithInt } from "./blake3";
export { drawElements, drawPositions, grind, hashRows, mergePairs } from "./blake3-lanes";
export { addBoundaryExt, evaluateComposition, runProgramExt } from "./constraints";
export { checkRemainder, deepRows, evaluateColumns, evaluateExt, evaluatePeriodic, foldRows, innerProduct } from "./polynomial";
export { rescueTrace } from "./rescue";
export { extendColumns, fillPowers, interpolate, interpolateColumns, rootOfUnity } from "./transform";

/** First free byte after static data: where the caller's arena begins. */
export const heapBase: usize = __heap_base;
