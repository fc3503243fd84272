/**
 * BLAKE3-256 of four equally long messages at once, one per 32-bit SIMD lane (AssemblyScript). Serves whatever comes in
 * numbers: leaf rows, Merkle levels, coin draws and grinding. Rows up to two chunks; longer ones take the plain path.
 */
import { CHUNK_END, CHUNK_START, PARENT, ROOT, hash } from "./blake3";
import { P } from "./field";

const LANE_ROW_BYTES_MAX: u32 = 2048;

/** Chaining values: 8 vectors, word-major. */
const cv = memory.data(128, 16);
const firstCv = memory.data(128, 16);
/** Message: 16 vectors, word-major. */
const message = memory.data(256, 16);
/** Zero-padded last blocks of four rows. */
const tails = memory.data(256, 16);
const digests = memory.data(128, 16);

// @ts-ignore: decorator
@inline
function g(x: v128, y: v128): v128 {
  return i32x4.add(x, y);
}

// @ts-ignore: decorator
@inline
function rot16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

// @ts-ignore: decorator
@inline
function rot8(x: v128): v128 {
  return i8x16.shuffle(x, x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
}

// @ts-ignore: decorator
@inline
function rot12(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 12), i32x4.shl(x, 20));
}

// @ts-ignore: decorator
@inline
function rot7(x: v128): v128 {
  return v128.or(i32x4.shr_u(x, 7), i32x4.shl(x, 25));
}

// @ts-ignore: decorator
@inline
function word(i: usize): v128 {
  return v128.load(message + (i << 4));
}

// @ts-ignore: decorator
@inline
function x(a: v128, b: v128): v128 {
  return v128.xor(a, b);
}

/** Resets the four chaining values to the initial one. */
function startChunk(): void {
  store<v128>(cv, i32x4.splat(0x6a09e667)); store<v128>(cv, i32x4.splat(0xbb67ae85), 16);
  store<v128>(cv, i32x4.splat(0x3c6ef372), 32); store<v128>(cv, i32x4.splat(0xa54ff53a), 48);
  store<v128>(cv, i32x4.splat(0x510e527f), 64); store<v128>(cv, i32x4.splat(0x9b05688c), 80);
  store<v128>(cv, i32x4.splat(0x1f83d9ab), 96); store<v128>(cv, i32x4.splat(0x5be0cd19), 112);
}

/** Compresses `message` into `cv`, four lanes at once. */
function compressLanes(counter: u32, length: u32, flags: u32): void {
  let s0 = v128.load(cv), s1 = v128.load(cv, 16), s2 = v128.load(cv, 32), s3 = v128.load(cv, 48);
  let s4 = v128.load(cv, 64), s5 = v128.load(cv, 80), s6 = v128.load(cv, 96), s7 = v128.load(cv, 112);
  let s8 = i32x4.splat(0x6a09e667), s9 = i32x4.splat(0xbb67ae85);
  let s10 = i32x4.splat(0x3c6ef372), s11 = i32x4.splat(0xa54ff53a);
  let s12 = i32x4.splat(counter), s13 = i32x4.splat(0), s14 = i32x4.splat(length), s15 = i32x4.splat(flags);
  let m0 = word(0), m1 = word(1), m2 = word(2), m3 = word(3), m4 = word(4), m5 = word(5), m6 = word(6), m7 = word(7);
  let m8 = word(8), m9 = word(9), m10 = word(10), m11 = word(11), m12 = word(12), m13 = word(13), m14 = word(14), m15 = word(15);
  for (let round = 0; ; ) {
    s0 = g(g(s0, s4), m0); s1 = g(g(s1, s5), m2); s2 = g(g(s2, s6), m4); s3 = g(g(s3, s7), m6);
    s12 = rot16(x(s12, s0)); s13 = rot16(x(s13, s1)); s14 = rot16(x(s14, s2)); s15 = rot16(x(s15, s3));
    s8 = g(s8, s12); s9 = g(s9, s13); s10 = g(s10, s14); s11 = g(s11, s15);
    s4 = rot12(x(s4, s8)); s5 = rot12(x(s5, s9)); s6 = rot12(x(s6, s10)); s7 = rot12(x(s7, s11));
    s0 = g(g(s0, s4), m1); s1 = g(g(s1, s5), m3); s2 = g(g(s2, s6), m5); s3 = g(g(s3, s7), m7);
    s12 = rot8(x(s12, s0)); s13 = rot8(x(s13, s1)); s14 = rot8(x(s14, s2)); s15 = rot8(x(s15, s3));
    s8 = g(s8, s12); s9 = g(s9, s13); s10 = g(s10, s14); s11 = g(s11, s15);
    s4 = rot7(x(s4, s8)); s5 = rot7(x(s5, s9)); s6 = rot7(x(s6, s10)); s7 = rot7(x(s7, s11));
    s0 = g(g(s0, s5), m8); s1 = g(g(s1, s6), m10); s2 = g(g(s2, s7), m12); s3 = g(g(s3, s4), m14);
    s15 = rot16(x(s15, s0)); s12 = rot16(x(s12, s1)); s13 = rot16(x(s13, s2)); s14 = rot16(x(s14, s3));
    s10 = g(s10, s15); s11 = g(s11, s12); s8 = g(s8, s13); s9 = g(s9, s14);
    s5 = rot12(x(s5, s10)); s6 = rot12(x(s6, s11)); s7 = rot12(x(s7, s8)); s4 = rot12(x(s4, s9));
    s0 = g(g(s0, s5), m9); s1 = g(g(s1, s6), m11); s2 = g(g(s2, s7), m13); s3 = g(g(s3, s4), m15);
    s15 = rot8(x(s15, s0)); s12 = rot8(x(s12, s1)); s13 = rot8(x(s13, s2)); s14 = rot8(x(s14, s3));
    s10 = g(s10, s15); s11 = g(s11, s12); s8 = g(s8, s13); s9 = g(s9, s14);
    s5 = rot7(x(s5, s10)); s6 = rot7(x(s6, s11)); s7 = rot7(x(s7, s8)); s4 = rot7(x(s4, s9));
    if (++round == 7) break;
    const t0 = m0, t1 = m1;
    m0 = m2; m2 = m3; m3 = m10; m10 = m12; m12 = m9; m9 = m11; m11 = m5; m5 = t0;
    m1 = m6; m6 = m4; m4 = m7; m7 = m13; m13 = m14; m14 = m15; m15 = m8; m8 = t1;
  }
  store<v128>(cv, x(s0, s8)); store<v128>(cv, x(s1, s9), 16); store<v128>(cv, x(s2, s10), 32); store<v128>(cv, x(s3, s11), 48);
  store<v128>(cv, x(s4, s12), 64); store<v128>(cv, x(s5, s13), 80); store<v128>(cv, x(s6, s14), 96); store<v128>(cv, x(s7, s15), 112);
}

/** Transposes four words of four rows into four vectors at `out`. */
// @ts-ignore: decorator
@inline
function transpose(out: usize, a: v128, b: v128, c: v128, d: v128): void {
  const low0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const low1 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const high0 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const high1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  store<v128>(out, v128.shuffle<i64>(low0, low1, 0, 2));
  store<v128>(out, v128.shuffle<i64>(low0, low1, 1, 3), 16);
  store<v128>(out, v128.shuffle<i64>(high0, high1, 0, 2), 32);
  store<v128>(out, v128.shuffle<i64>(high0, high1, 1, 3), 48);
}

function loadBlocks(r0: usize, r1: usize, r2: usize, r3: usize): void {
  for (let at: usize = 0; at < 64; at += 16) {
    transpose(message + (at << 2), v128.load(r0 + at), v128.load(r1 + at), v128.load(r2 + at), v128.load(r3 + at));
  }
}

/** Chaining values of one chunk of four rows, left in `cv`. */
function hashChunks(r0: usize, r1: usize, r2: usize, r3: usize, length: u32, counter: u32, lastFlags: u32): void {
  startChunk();
  let flags = CHUNK_START;
  let at: u32 = 0;
  while (length - at > 64) {
    loadBlocks(r0 + at, r1 + at, r2 + at, r3 + at);
    compressLanes(counter, 64, flags);
    flags = 0;
    at += 64;
  }
  const rest = length - at;
  if (rest < 64) {
    memory.fill(tails, 0, 256);
    memory.copy(tails, r0 + at, rest);
    memory.copy(tails + 64, r1 + at, rest);
    memory.copy(tails + 128, r2 + at, rest);
    memory.copy(tails + 192, r3 + at, rest);
    loadBlocks(tails, tails + 64, tails + 128, tails + 192);
  } else loadBlocks(r0 + at, r1 + at, r2 + at, r3 + at);
  compressLanes(counter, rest, flags | CHUNK_END | lastFlags);
}

/** Digests of the four lanes, 32 bytes each, from word-major `cv`. */
function storeDigests(out: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    const from = cv + (half << 6);
    const block = message + (half << 6);
    transpose(block, v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
    for (let lane: usize = 0; lane < 4; lane++) v128.store(out + (lane << 5) + (half << 4), v128.load(block + (lane << 4)));
  }
}

/** Hashes `count` consecutive rows of `rowBytes` each into consecutive digests. Rows are read before their group is written. */
export function hashRows(out: usize, rows: usize, rowBytes: u32, count: u32): void {
  if (rowBytes > LANE_ROW_BYTES_MAX) {
    for (let i: u32 = 0; i < count; i++) hash(out + (i << 5), rows + i * rowBytes, rowBytes);
    return;
  }
  for (let i: u32 = 0; i < count; i += 4) {
    const left = count - i;
    const r0 = rows + i * rowBytes;
    const r1 = r0 + (left > 1 ? rowBytes : 0);
    const r2 = r0 + (left > 2 ? 2 * rowBytes : 0);
    const r3 = r0 + (left > 3 ? 3 * rowBytes : 0);
    if (rowBytes <= 1024) hashChunks(r0, r1, r2, r3, rowBytes, 0, ROOT);
    else {
      hashChunks(r0, r1, r2, r3, 1024, 0, 0);
      memory.copy(firstCv, cv, 128);
      hashChunks(r0 + 1024, r1 + 1024, r2 + 1024, r3 + 1024, rowBytes - 1024, 1, 0);
      memory.copy(message, firstCv, 128);
      memory.copy(message + 128, cv, 128);
      startChunk();
      compressLanes(0, 64, PARENT | ROOT);
    }
    storeDigests(digests);
    memory.copy(out + (i << 5), digests, min<u32>(left, 4) << 5);
  }
}

/**
 * One level of a tree: `nodes[i]` = merge of the digests at the u32 addresses `children[2i]` and `children[2i + 1]`. Nodes
 * must lie apart from the digests that are read.
 */
export function mergePairs(nodes: usize, children: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const left = count - i;
    const p0 = children + (i << 3);
    const p1 = p0 + (left > 1 ? 8 : 0);
    const p2 = p0 + (left > 2 ? 16 : 0);
    const p3 = p0 + (left > 3 ? 24 : 0);
    for (let side: usize = 0; side < 2; side++) {
      const at = side << 2;
      const d0: usize = load<u32>(p0 + at);
      const d1: usize = load<u32>(p1 + at);
      const d2: usize = load<u32>(p2 + at);
      const d3: usize = load<u32>(p3 + at);
      const half = message + (side << 7);
      transpose(half, v128.load(d0), v128.load(d1), v128.load(d2), v128.load(d3));
      transpose(half + 64, v128.load(d0, 16), v128.load(d1, 16), v128.load(d2, 16), v128.load(d3, 16));
    }
    startChunk();
    compressLanes(0, 64, CHUNK_START | CHUNK_END | ROOT);
    storeDigests(digests);
    memory.copy(nodes + (i << 5), digests, min<u32>(left, 4) << 5);
  }
}

/** Message = seed || u64le(values), four consecutive values from `first`. */
function compressSeeded(seed: usize, first: u64): void {
  startChunk();
  for (let i: usize = 0; i < 8; i++) v128.store(message + (i << 4), v128.load32_splat(seed + (i << 2)));
  for (let lane: usize = 0; lane < 4; lane++) {
    store<u32>(message + 128 + (lane << 2), u32(first + lane));
    store<u32>(message + 144 + (lane << 2), u32((first + lane) >> 32));
  }
  memory.fill(message + 160, 0, 96);
  compressLanes(0, 40, CHUNK_START | CHUNK_END | ROOT);
}

// @ts-ignore: decorator
@inline
function digestLimb(lane: usize, limb: usize): u64 {
  const at = cv + (limb << 5) + (lane << 2);
  return u64(load<u32>(at)) | (u64(load<u32>(at, 16)) << 32);
}

/**
 * Draws `count` elements of `degree` limbs from the coin (section 1.5), each stored in 16 bytes. Values with a limb >= p
 * are skipped. Returns the counter after the last draw, or 0 if 1000 values in a row were refused.
 */
export function drawElements(out: usize, seed: usize, counter: u32, count: u32, degree: u32): u32 {
  let refused: u32 = 0;
  while (count > 0) {
    compressSeeded(seed, u64(counter) + 1);
    for (let lane: usize = 0; lane < 4 && count > 0; lane++) {
      counter++;
      const a = digestLimb(lane, 0);
      const b = degree == 2 ? digestLimb(lane, 1) : 0;
      if (a >= P || b >= P) {
        if (++refused == 1000) return 0;
        continue;
      }
      refused = 0;
      store<u64>(out, a);
      store<u64>(out, b, 8);
      out += 16;
      count--;
    }
  }
  return counter;
}

/** Draws `count` positions below a power of two as u32 values, duplicates kept (section 1.5), from a fresh seed. */
export function drawPositions(out: usize, seed: usize, count: u32, mask: u32): void {
  for (let i: u32 = 0; i < count; i += 4) {
    compressSeeded(seed, u64(i) + 1);
    for (let lane: usize = 0; lane < 4 && i + lane < count; lane++) {
      store<u32>(out + ((i + lane) << 2), u32(digestLimb(lane, 0)) & mask);
    }
  }
}

/** Smallest nonce in [first, first + count) with `bits` trailing zero bits; 0 if none (nonces start at 1). */
export function grind(seed: usize, bits: u32, first: u64, count: u32): u64 {
  const mask = (u64(1) << bits) - 1;
  for (let i: u32 = 0; i < count; i += 4) {
    compressSeeded(seed, first + i);
    for (let lane: usize = 0; lane < 4; lane++) {
      if ((digestLimb(lane, 0) & mask) == 0 && i + lane < count) return first + i + lane;
    }
  }
  return 0;
}
