/**
 * The WebAssembly kernels and the arena they work in. An instance is single-threaded and reusable: each operation takes a
 * mark, allocates, and releases to the mark. Memory grows on demand up to `memoryBytesMax` and is never given back, so a
 * service keeps a bounded verifier instance and a separate one for proving.
 *
 * This file does no input/output: the caller reads `kernelsUrl` (a file beside this module) and passes the bytes.
 */

export const kernelsUrl: URL = new URL("./kernels.wasm", import.meta.url);

/** Address in kernel memory. */
export type Pointer = number;

/** Exports of the module. Field elements go in and come out as i64: results may be negative bigints, equal mod 2^64. */
export interface KernelFunctions {
  readonly memory: WebAssembly.Memory;
  readonly heapBase: WebAssembly.Global;
  fieldAdd(a: bigint, b: bigint): bigint;
  fieldSub(a: bigint, b: bigint): bigint;
  fieldMul(a: bigint, b: bigint): bigint;
  fieldInv(a: bigint): bigint;
  fieldPow(a: bigint, exponent: bigint): bigint;
  rootOfUnity(bits: number): bigint;
  extMul(out: Pointer, x: Pointer, y: Pointer): void;
  extInv(out: Pointer, x: Pointer): void;
  extPow2k(out: Pointer, x: Pointer, k: number): void;
  extInvBatch(values: Pointer, count: number, scratch: Pointer): number;
  loadElements(out: Pointer, wire: Pointer, count: number, degree: number): number;
  storeElements(wire: Pointer, elements: Pointer, count: number, degree: number): void;
  hash(out: Pointer, input: Pointer, length: number): void;
  merge(out: Pointer, left: Pointer, right: Pointer): void;
  mergeWithInt(out: Pointer, seed: Pointer, value: bigint): void;
  hashRows(out: Pointer, rows: Pointer, rowBytes: number, count: number): void;
  mergePairs(nodes: Pointer, children: Pointer, count: number): void;
  drawElements(out: Pointer, seed: Pointer, counter: number, count: number, degree: number): number;
  drawPositions(out: Pointer, seed: Pointer, count: number, mask: number): void;
  grind(seed: Pointer, bits: number, first: bigint, count: number): bigint;
  runProgramExt(out: Pointer, program: Pointer, length: number, registers: Pointer, coefficients: Pointer): void;
  addBoundaryExt(
    out: Pointer,
    assertions: Pointer,
    count: number,
    frame: Pointer,
    coefficients: Pointer,
    inverses: Pointer,
  ): void;
  evaluateComposition(
    out: Pointer,
    job: Pointer,
    logDomain: number,
    logStride: number,
    root: bigint,
    last: bigint,
  ): void;
  evaluateColumns(out: Pointer, outStride: number, columns: Pointer, width: number, size: number, x: Pointer): void;
  evaluateExt(out: Pointer, coefficients: Pointer, count: number, x: Pointer): void;
  evaluatePeriodic(out: Pointer, values: Pointer, width: number, logSize: number, z: Pointer, scratch: Pointer): number;
  innerProduct(out: Pointer, coefficients: Pointer, values: Pointer, count: number, stride: number): void;
  deepRows(
    out: Pointer,
    traceRows: Pointer,
    width: number,
    partRows: Pointer,
    parts: number,
    degree: number,
    count: number,
    positions: Pointer,
    logDomain: number,
    coefficients: Pointer,
    frame: Pointer,
    inverses: Pointer,
  ): number;
  foldRows(
    out: Pointer,
    rows: Pointer,
    count: number,
    logFolding: number,
    positions: Pointer,
    logDomain: number,
    alpha: Pointer,
  ): void;
  checkRemainder(
    coefficients: Pointer,
    length: number,
    values: Pointer,
    positions: Pointer,
    count: number,
    logDomain: number,
  ): number;
  rescueTrace(states: Pointer, constants: Pointer): void;
  fillPowers(table: Pointer, first: bigint, ratio: bigint, count: number): void;
  interpolate(
    out: Pointer,
    values: Pointer,
    stride: number,
    logSize: number,
    inverseTwiddles: Pointer,
    offset: bigint,
  ): void;
  interpolateColumns(out: Pointer, matrix: Pointer, width: number, logSize: number, inverseTwiddles: Pointer): void;
  extendColumns(
    out: Pointer,
    coefficients: Pointer,
    width: number,
    logSize: number,
    logBlowup: number,
    twiddles: Pointer,
    shifts: Pointer,
    scratch: Pointer,
  ): void;
}

const PAGE_BYTES = 65_536;

/** Thrown when an operation would need more kernel memory than its instance may use. Never caused by proof bytes. */
export class KernelMemoryError extends Error {
  override readonly name = "KernelMemoryError";
}

export class Kernels {
  readonly call: KernelFunctions;
  readonly #memoryBytesMax: number;
  #top: Pointer;
  #bytes: Uint8Array;
  #elements: BigUint64Array;
  #words: Uint32Array;

  /** `memoryBytesMax` defaults to 64 MiB: a verification of any accepted proof needs under 12 MiB. */
  constructor(module: WebAssembly.Module, memoryBytesMax = 64 * 1024 * 1024) {
    const instance = new WebAssembly.Instance(module);
    this.call = instance.exports as unknown as KernelFunctions;
    this.#memoryBytesMax = memoryBytesMax;
    this.#top = alignUp(Number(this.call.heapBase.value));
    this.#bytes = new Uint8Array(this.call.memory.buffer);
    this.#elements = new BigUint64Array(this.call.memory.buffer);
    this.#words = new Uint32Array(this.call.memory.buffer);
  }

  /** Current top of the arena; give it back to `release`. */
  mark(): Pointer {
    return this.#top;
  }

  release(mark: Pointer): void {
    this.#top = mark;
  }

  /** Uninitialised space, 16-byte aligned. Views taken before this call may be stale after it. */
  alloc(lengthBytes: number): Pointer {
    const pointer = this.#top;
    const end = alignUp(pointer + lengthBytes);
    if (end > this.#bytes.length) this.#grow(end);
    this.#top = end;
    return pointer;
  }

  #grow(end: number): void {
    if (end > this.#memoryBytesMax) throw new KernelMemoryError(`kernel memory bound of ${this.#memoryBytesMax} bytes`);
    const current = this.call.memory.buffer.byteLength;
    // Growing by a quarter keeps the number of grow calls logarithmic.
    const wanted = Math.min(this.#memoryBytesMax, Math.max(end, current + (current >> 2)));
    this.call.memory.grow(Math.ceil((wanted - current) / PAGE_BYTES));
    this.#bytes = new Uint8Array(this.call.memory.buffer);
    this.#elements = new BigUint64Array(this.call.memory.buffer);
    this.#words = new Uint32Array(this.call.memory.buffer);
  }

  /** Copies bytes in and returns where they are. */
  putBytes(source: Uint8Array): Pointer {
    const pointer = this.alloc(source.length);
    this.#bytes.set(source, pointer);
    return pointer;
  }

  putElements(source: ArrayLike<bigint>): Pointer {
    const pointer = this.alloc(source.length * 8);
    this.#elements.set(source, pointer >>> 3);
    return pointer;
  }

  putWords(source: ArrayLike<number>): Pointer {
    const pointer = this.alloc(source.length * 4);
    this.#words.set(source, pointer >>> 2);
    return pointer;
  }

  /** A view, valid until the next allocation. */
  bytes(pointer: Pointer, length: number): Uint8Array {
    return this.#bytes.subarray(pointer, pointer + length);
  }

  /** A view of 8-aligned field elements, valid until the next allocation. */
  elements(pointer: Pointer, count: number): BigUint64Array {
    return this.#elements.subarray(pointer >>> 3, (pointer >>> 3) + count);
  }

  /** A view of 4-aligned words, valid until the next allocation. */
  words(pointer: Pointer, count: number): Uint32Array {
    return this.#words.subarray(pointer >>> 2, (pointer >>> 2) + count);
  }

  digestsEqual(a: Pointer, b: Pointer): boolean {
    for (let i = 0; i < 32; i++) if (this.#bytes[a + i] !== this.#bytes[b + i]) return false;
    return true;
  }
}

function alignUp(pointer: number): number {
  return (pointer + 15) & ~15;
}
