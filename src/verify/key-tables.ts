/**
 * The WebAssembly kernels of `ed25519-kernels/`, and the tables of public keys they verify with. One thread's; grows with
 * the tables that are asked for and is never given back.
 */
import { readFileSync } from "node:fs";
import { assert } from "../base/assert.js";
import type { SignatureCheck } from "../protocol/ed25519.js";

const module = new WebAssembly.Module(readFileSync(new URL("./ed25519-kernels.wasm", import.meta.url)));

/** Address in kernel memory. */
type Pointer = number;

/** Exports of the module. */
export interface Ed25519Kernels {
  readonly memory: WebAssembly.Memory;
  readonly heapBase: WebAssembly.Global<"i32">;
  readonly TABLE_BYTES: WebAssembly.Global<"i32">;
  readonly CHECK_BYTES: WebAssembly.Global<"i32">;
  readonly CHECKS_MAX: WebAssembly.Global<"i32">;
  start(): void;
  buildTable(table: Pointer, encodedKey: Pointer): number;
  verify(checks: Pointer, count: number): void;
  mul(out: Pointer, a: Pointer, b: Pointer): void;
  invert(out: Pointer, a: Pointer): void;
  fromBytes(out: Pointer, bytes: Pointer): void;
  toBytes(bytes: Pointer, a: Pointer, lane: number): void;
  reduce(out: Pointer, wide: Pointer): void;
  sha512Of96(out: Pointer, input: Pointer): void;
}

const PAGE_BYTES = 65_536;
const TABLE_BYTES = 36_864;
/** R, A, digest, S, then the table's address and the verdict. */
const CHECK_BYTES = 144;
const TABLE_AT = 128;
const VERDICT_AT = 132;

/** Checks of one call: they share one inversion. */
export const CHECKS_MAX = 128;

/** A fresh instance with its own memory. */
export function startKernels(): Ed25519Kernels {
  const kernels = new WebAssembly.Instance(module).exports as unknown as Ed25519Kernels;
  const sizes = [kernels.TABLE_BYTES.value, kernels.CHECK_BYTES.value, kernels.CHECKS_MAX.value];
  assert(sizes.join() === [TABLE_BYTES, CHECK_BYTES, CHECKS_MAX].join(), "the kernels have other sizes");
  kernels.start();
  return kernels;
}

export class KeyTables {
  readonly #kernels = startKernels();
  readonly #checks: Pointer;
  #tablesMax: number;
  #tables = 0;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(tablesMax: number) {
    this.#tablesMax = tablesMax;
    this.#checks = (this.#kernels.heapBase.value + 15) & ~15;
    this.#bytes = new Uint8Array(this.#kernels.memory.buffer);
    this.#view = new DataView(this.#kernels.memory.buffer);
  }

  /** Tables there is still room for. */
  get room(): number {
    return this.#tablesMax - this.#tables;
  }

  /**
   * Builds the table of a 32-byte key, in the place of `replaced` or in one of its own, and answers where it is. Null if the
   * bytes are not a point that L takes to the neutral element; `replaced` is overwritten all the same. Null also if there is
   * no memory for one more: then there is no more room. Undoes every `put`.
   */
  build(publicKey: Uint8Array, replaced: Pointer | null = null): Pointer | null {
    assert(replaced !== null || this.room > 0, "all tables are taken");
    const table = replaced ?? this.#tableAt(this.#tables);
    if (!this.#reserve(table + TABLE_BYTES)) {
      this.#tablesMax = this.#tables;
      return null;
    }
    this.#bytes.set(publicKey, this.#checks);
    if (this.#kernels.buildTable(table, this.#checks) === 0) return null;
    if (replaced === null) this.#tables += 1;
    return table;
  }

  /** Writes the check a call of `verify` begins with at `index`, 0 to CHECKS_MAX - 1. S must be below L. */
  put(index: number, { signature, message, publicKey }: SignatureCheck, table: Pointer): void {
    const at = this.#checks + index * CHECK_BYTES;
    const bytes = this.#bytes;
    for (let i = 0; i < 32; i++) {
      bytes[at + i] = signature[i]!;
      bytes[at + 32 + i] = publicKey[i]!;
      bytes[at + 64 + i] = message[i]!;
      bytes[at + 96 + i] = signature[i + 32]!;
    }
    this.#view.setUint32(at + TABLE_AT, table, true);
  }

  /** Decides the first `count` checks; `holds` has their verdicts until the next `put`. */
  verify(count: number): void {
    if (count > 0) this.#kernels.verify(this.#checks, count);
  }

  /** Did the equation of check `index` hold? */
  holds(index: number): boolean {
    return this.#view.getUint32(this.#checks + index * CHECK_BYTES + VERDICT_AT, true) === 1;
  }

  #tableAt(index: number): Pointer {
    return this.#checks + CHECKS_MAX * CHECK_BYTES + index * TABLE_BYTES;
  }

  /** False = the system gives no more, or the module allows none. */
  #reserve(end: Pointer): boolean {
    const { memory } = this.#kernels;
    if (end <= memory.buffer.byteLength) return true;
    try {
      memory.grow(Math.ceil((end - memory.buffer.byteLength) / PAGE_BYTES));
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    return true;
  }
}
