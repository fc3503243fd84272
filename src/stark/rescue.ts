/**
 * Sponge over the permutation of section 4, for witness commitments and batch roots only: its lanes do not mix (finding
 * F2), so it must not hash anything new.
 */
import type { Kernels } from "./kernels.js";
import { MDS, MDS_INVERSE, ROUND_CONSTANTS } from "./rescue-constants.js";

/** State lanes, states per permutation (input and one per half-round), elements taken per permutation. */
const STATE_WIDTH = 12;
const TRACE_STATES = 15;
const RATE = 8;

const CONSTANTS = BigUint64Array.from([...MDS, ...MDS_INVERSE, ...ROUND_CONSTANTS]);

/** All 15 states of one permutation, 12 elements each. */
export function permutationTrace(kernels: Kernels, state: readonly bigint[]): bigint[][] {
  const mark = kernels.mark();
  const constants = kernels.putElements(CONSTANTS);
  const states = kernels.alloc(TRACE_STATES * STATE_WIDTH * 8);
  const cells = kernels.elements(states, TRACE_STATES * STATE_WIDTH);
  cells.set(state);
  kernels.call.rescueTrace(states, constants);
  const trace = Array.from({ length: TRACE_STATES }, (_, i) => [
    ...cells.subarray(STATE_WIDTH * i, STATE_WIDTH * (i + 1)),
  ]);
  kernels.release(mark);
  return trace;
}

export function permute(kernels: Kernels, state: readonly bigint[]): bigint[] {
  return permutationTrace(kernels, state)[TRACE_STATES - 1]!;
}

/** Hash of field elements (section 4.3): 4 output elements. */
export function rescueHash(kernels: Kernels, elements: readonly bigint[]): bigint[] {
  let state = new Array<bigint>(STATE_WIDTH).fill(0n);
  state[RATE] = BigInt(elements.length);
  for (let at = 0; at === 0 || at < elements.length; at += RATE) {
    for (const [i, element] of elements.slice(at, at + RATE).entries()) {
      state[i] = BigInt.asUintN(64, kernels.call.fieldAdd(state[i]!, element));
    }
    state = permute(kernels, state);
  }
  return state.slice(0, 4);
}

/** Node of the batch event tree: hash of the two children's 8 elements. */
export function rescuePair(kernels: Kernels, left: readonly bigint[], right: readonly bigint[]): bigint[] {
  return rescueHash(kernels, [...left, ...right]);
}
