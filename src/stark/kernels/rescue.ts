/**
 * The permutation behind witness commitments and batch roots (AssemblyScript; section 4). Not a cryptographic hash: its
 * lanes do not mix (finding F2). The constant table comes from `rescue-constants.ts`: MDS, MDS inverse, round constants.
 */
import { add, mul } from "./field";

const WIDTH: u32 = 12;
const HALF_ROUNDS: u32 = 14;
const INVERSE_ALPHA: u64 = 10540996611094048183;
const mixed = memory.data(96);

function multiply(state: usize, matrix: usize): void {
  for (let row: u32 = 0; row < WIDTH; row++) {
    let sum: u64 = 0;
    for (let column: u32 = 0; column < WIDTH; column++) {
      sum = add(sum, mul(load<u64>(matrix + ((row * WIDTH + column) << 3)), load<u64>(state + (column << 3))));
    }
    store<u64>(mixed + (row << 3), sum);
  }
  memory.copy(state, mixed, 96);
}

/** x^(1/7); the exponent has 64 bits, alternating runs, so plain square and multiply is near the best chain. */
function root7(x: u64): u64 {
  let result: u64 = 1;
  let square = x;
  for (let exponent = INVERSE_ALPHA; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = mul(result, square);
    square = mul(square, square);
  }
  return result;
}

/** Fills states[1..14] (12 elements each) from states[0]: one state per half-round. */
export function rescueTrace(states: usize, constants: usize): void {
  const inverse = constants + 144 * 8;
  const rounds = inverse + 144 * 8;
  for (let half: u32 = 0; half < HALF_ROUNDS; half++) {
    const state = states + (half + 1) * 96;
    memory.copy(state, state - 96, 96);
    if (half & 1) multiply(state, inverse);
    for (let lane: u32 = 0; lane < WIDTH; lane++) {
      const value = load<u64>(state + (lane << 3));
      if (half & 1) store<u64>(state + (lane << 3), root7(value));
      else {
        const square = mul(value, value);
        store<u64>(state + (lane << 3), mul(mul(mul(square, square), square), value));
      }
    }
    if ((half & 1) == 0) multiply(state, constants);
    for (let lane: u32 = 0; lane < WIDTH; lane++) {
      const at = state + (lane << 3);
      store<u64>(at, add(load<u64>(at), load<u64>(rounds + ((half * WIDTH + lane) << 3))));
    }
  }
}
