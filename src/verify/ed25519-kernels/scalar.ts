/** Integers mod the group order L = 2^252 + c, as 8 little-endian words of 32 bits (AssemblyScript). */

const ORDER_WORDS = 8;
const ORDER = memory.data<u32>([0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000]);

/** out = the 64-byte integer mod L. */
export function reduce(out: usize, wide: usize): void {
  memory.copy(out, wide + 36, 28);
  store<u32>(out, 0, 28);
  for (let piece: i32 = 34; piece >= 0; piece -= 2) {
    // out * 2^16 + piece < 2^269; q = what is above bit 252.
    const top = load<u32>(out, 28);
    for (let i: usize = 28; i > 0; i -= 4) {
      store<u32>(out + i, (load<u32>(out + i) << 16) | (load<u32>(out + i - 4) >> 16));
    }
    store<u32>(out, (load<u32>(out) << 16) | load<u16>(wide + <usize>piece));
    const q = <u64>(load<u32>(out, 28) >> 28) | (<u64>(top >> 16) << 4);
    store<u32>(out, load<u32>(out, 28) & 0x0fffffff, 28);
    // 2^252 q = -c q: below zero it is by less than L.
    if (addMultiple(out, -<i64>q, 4) < 0) addMultiple(out, 1, ORDER_WORDS);
  }
}

/** out += factor * (the first `words` of L), a factor below 2^31 either way. Answers the carry out of 256 bits. */
function addMultiple(out: usize, factor: i64, words: i32): i64 {
  let carry: i64 = 0;
  for (let i = 0; i < ORDER_WORDS; i++) {
    const at = <usize>i << 2;
    carry += <i64>load<u32>(out + at);
    if (i < words) carry += factor * <i64>load<u32>(ORDER + at);
    store<u32>(out + at, <u32>carry);
    carry >>= 32;
  }
  return carry;
}

/**
 * Bits b of an integer below L in the form a comb reads: k = sum of (2 b[i] - 1) 2^i over 256 bits, which every odd k below
 * 2^256 has. An even one is taken as k + L: the same multiple of a point of order L.
 */
export function recode(scalar: usize): void {
  if ((load<u32>(scalar) & 1) == 0) addMultiple(scalar, 1, ORDER_WORDS);
  for (let i: usize = 0; i < 28; i += 4) {
    store<u32>(scalar + i, (load<u32>(scalar + i) >> 1) | (load<u32>(scalar + i, 4) << 31));
  }
  store<u32>(scalar, (load<u32>(scalar, 28) >> 1) | 0x80000000, 28);
}

/** L itself, in the form `recode` gives. */
export function recodedOrder(out: usize): void {
  memory.copy(out, ORDER, 32);
  recode(out);
}
