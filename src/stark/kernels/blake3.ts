/**
 * BLAKE3-256, plain hash mode, one message at a time (AssemblyScript; section 1.1). Input length is bounded by the
 * 32-bit memory, so the chunk counter never needs its high word.
 */

export const CHUNK_START: u32 = 1;
export const CHUNK_END: u32 = 2;
export const PARENT: u32 = 4;
export const ROOT: u32 = 8;
const CHUNK_BYTES: u32 = 1024;

/** Initial chaining value: the SHA-256 constants. */
export const IV: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

const padded = memory.data(64);
const pair = memory.data(64);
const chunkValue = memory.data(32);
/** One chaining value per set bit of the chunk count: 22 levels cover 4 GiB. */
const stack = memory.data(32 * 32);

/** Compresses one 64-byte block into `out` (8 words). `out` may alias `cv`. */
export function compress(out: usize, cv: usize, block: usize, counter: u32, length: u32, flags: u32): void {
  let s0 = load<u32>(cv), s1 = load<u32>(cv, 4), s2 = load<u32>(cv, 8), s3 = load<u32>(cv, 12);
  let s4 = load<u32>(cv, 16), s5 = load<u32>(cv, 20), s6 = load<u32>(cv, 24), s7 = load<u32>(cv, 28);
  let s8: u32 = 0x6a09e667, s9: u32 = 0xbb67ae85, s10: u32 = 0x3c6ef372, s11: u32 = 0xa54ff53a;
  let s12 = counter, s13: u32 = 0, s14 = length, s15 = flags;
  let m0 = load<u32>(block), m1 = load<u32>(block, 4), m2 = load<u32>(block, 8), m3 = load<u32>(block, 12);
  let m4 = load<u32>(block, 16), m5 = load<u32>(block, 20), m6 = load<u32>(block, 24), m7 = load<u32>(block, 28);
  let m8 = load<u32>(block, 32), m9 = load<u32>(block, 36), m10 = load<u32>(block, 40), m11 = load<u32>(block, 44);
  let m12 = load<u32>(block, 48), m13 = load<u32>(block, 52), m14 = load<u32>(block, 56), m15 = load<u32>(block, 60);
  for (let round = 0; ; ) {
    s0 += s4 + m0; s12 = rotr(s12 ^ s0, 16); s8 += s12; s4 = rotr(s4 ^ s8, 12);
    s0 += s4 + m1; s12 = rotr(s12 ^ s0, 8); s8 += s12; s4 = rotr(s4 ^ s8, 7);
    s1 += s5 + m2; s13 = rotr(s13 ^ s1, 16); s9 += s13; s5 = rotr(s5 ^ s9, 12);
    s1 += s5 + m3; s13 = rotr(s13 ^ s1, 8); s9 += s13; s5 = rotr(s5 ^ s9, 7);
    s2 += s6 + m4; s14 = rotr(s14 ^ s2, 16); s10 += s14; s6 = rotr(s6 ^ s10, 12);
    s2 += s6 + m5; s14 = rotr(s14 ^ s2, 8); s10 += s14; s6 = rotr(s6 ^ s10, 7);
    s3 += s7 + m6; s15 = rotr(s15 ^ s3, 16); s11 += s15; s7 = rotr(s7 ^ s11, 12);
    s3 += s7 + m7; s15 = rotr(s15 ^ s3, 8); s11 += s15; s7 = rotr(s7 ^ s11, 7);
    s0 += s5 + m8; s15 = rotr(s15 ^ s0, 16); s10 += s15; s5 = rotr(s5 ^ s10, 12);
    s0 += s5 + m9; s15 = rotr(s15 ^ s0, 8); s10 += s15; s5 = rotr(s5 ^ s10, 7);
    s1 += s6 + m10; s12 = rotr(s12 ^ s1, 16); s11 += s12; s6 = rotr(s6 ^ s11, 12);
    s1 += s6 + m11; s12 = rotr(s12 ^ s1, 8); s11 += s12; s6 = rotr(s6 ^ s11, 7);
    s2 += s7 + m12; s13 = rotr(s13 ^ s2, 16); s8 += s13; s7 = rotr(s7 ^ s8, 12);
    s2 += s7 + m13; s13 = rotr(s13 ^ s2, 8); s8 += s13; s7 = rotr(s7 ^ s8, 7);
    s3 += s4 + m14; s14 = rotr(s14 ^ s3, 16); s9 += s14; s4 = rotr(s4 ^ s9, 12);
    s3 += s4 + m15; s14 = rotr(s14 ^ s3, 8); s9 += s14; s4 = rotr(s4 ^ s9, 7);
    if (++round == 7) break;
    // The message permutation, as its two cycles of eight.
    const t0 = m0, t1 = m1;
    m0 = m2; m2 = m3; m3 = m10; m10 = m12; m12 = m9; m9 = m11; m11 = m5; m5 = t0;
    m1 = m6; m6 = m4; m4 = m7; m7 = m13; m13 = m14; m14 = m15; m15 = m8; m8 = t1;
  }
  store<u32>(out, s0 ^ s8); store<u32>(out, s1 ^ s9, 4); store<u32>(out, s2 ^ s10, 8); store<u32>(out, s3 ^ s11, 12);
  store<u32>(out, s4 ^ s12, 16); store<u32>(out, s5 ^ s13, 20); store<u32>(out, s6 ^ s14, 24); store<u32>(out, s7 ^ s15, 28);
}

// @ts-ignore: decorator
@inline
function rotr(value: u32, bits: u32): u32 {
  return (value >> bits) | (value << (32 - bits));
}

/** Chaining value of one chunk; `lastFlags` is ROOT when the chunk is the whole message. */
function hashChunk(out: usize, input: usize, length: u32, counter: u32, lastFlags: u32): void {
  memory.copy(out, IV, 32);
  let flags = CHUNK_START;
  while (length > 64) {
    compress(out, out, input, counter, 64, flags);
    flags = 0;
    input += 64;
    length -= 64;
  }
  let block = input;
  if (length < 64) {
    memory.fill(padded, 0, 64);
    memory.copy(padded, input, length);
    block = padded;
  }
  compress(out, out, block, counter, length, flags | CHUNK_END | lastFlags);
}

function hashParent(out: usize, left: usize, right: usize, lastFlags: u32): void {
  memory.copy(pair, left, 32);
  memory.copy(pair + 32, right, 32);
  compress(out, IV, pair, 0, 64, PARENT | lastFlags);
}

/** out = BLAKE3-256(input[0..length)). */
export function hash(out: usize, input: usize, length: u32): void {
  let counter: u32 = 0;
  let depth: u32 = 0;
  while (length > CHUNK_BYTES) {
    hashChunk(chunkValue, input, CHUNK_BYTES, counter, 0);
    counter++;
    // A completed subtree for every trailing zero bit of the count of chunks.
    for (let total = counter; (total & 1) == 0; total >>= 1) {
      depth--;
      hashParent(chunkValue, stack + (depth << 5), chunkValue, 0);
    }
    memory.copy(stack + (depth << 5), chunkValue, 32);
    depth++;
    input += CHUNK_BYTES;
    length -= CHUNK_BYTES;
  }
  if (depth == 0) {
    hashChunk(out, input, length, 0, ROOT);
    return;
  }
  hashChunk(chunkValue, input, length, counter, 0);
  while (depth > 0) {
    depth--;
    hashParent(chunkValue, stack + (depth << 5), chunkValue, depth == 0 ? ROOT : 0);
  }
  memory.copy(out, chunkValue, 32);
}

/** out = H(left || right), two 32-byte digests. */
export function merge(out: usize, left: usize, right: usize): void {
  memory.copy(pair, left, 32);
  memory.copy(pair + 32, right, 32);
  compress(out, IV, pair, 0, 64, CHUNK_START | CHUNK_END | ROOT);
}

/** out = H(seed || u64le(value)). */
export function mergeWithInt(out: usize, seed: usize, value: u64): void {
  memory.fill(padded, 0, 64);
  memory.copy(padded, seed, 32);
  store<u64>(padded + 32, value);
  compress(out, IV, padded, 0, 40, CHUNK_START | CHUNK_END | ROOT);
}
