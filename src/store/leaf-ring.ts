/**
 * Leaf hashes of new entries on their way from the lane to the tlog thread, through shared memory: the lane holds
 * everything a leaf is made of when it commits, and reading the rows again would cost five times the hashing. Only a hint:
 * the lane puts in what is durable, and where the ring has a gap (after a start, or when the reader fell behind and there
 * was no room) the reader takes the rows instead. One writer, one reader; neither ever waits for the other.
 */
import { type Uuid, uuidToBytes } from "../base/ids.js";
import { HASH_BYTES } from "../protocol/hash.js";
import { leafRecord } from "../protocol/tlog-leaf.js";
import { leafHashColumn } from "../protocol/tlog-tree.js";
import type { NewEntry } from "./contract.js";

/** Leaves there is room for: most of a second of a busy log, in 512 KiB. */
export const LEAF_RING_LEAVES = 16_384;

/** Leaves with offsets from `BEGIN` to `END - 1` are there, but for those below `TAKEN`, which the reader has. */
const BEGIN = 0;
const END = 1;
const TAKEN = 2;
const COUNTERS_BYTES = 3 * BigInt64Array.BYTES_PER_ELEMENT;

const NOTHING = new Uint8Array(0);

export class LeafRing {
  readonly #counters: BigInt64Array;
  readonly #leaves: Uint8Array;
  readonly #hashInto: ReturnType<typeof leafHashColumn>;
  /** The sequencer of the entries handed over so far: one process has one. */
  #sequencerId = "" as Uuid;
  #sequencerBytes: Uint8Array = NOTHING;

  /** Memory for both ends, empty. */
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(COUNTERS_BYTES + LEAF_RING_LEAVES * HASH_BYTES);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new BigInt64Array(memory, 0, COUNTERS_BYTES / BigInt64Array.BYTES_PER_ELEMENT);
    this.#leaves = new Uint8Array(memory, COUNTERS_BYTES);
    this.#hashInto = leafHashColumn(this.#leaves);
  }

  /** The writer's: `entries` are durable, in offset order without a gap. Nothing is hashed when there is no room for them. */
  offer(entries: readonly NewEntry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const begin = first.offset;
    const end = begin + entries.length;
    if (end - this.#load(TAKEN) > LEAF_RING_LEAVES) return;
    for (const entry of entries) this.#put(entry);
    // The begin before the end: a reader that sees the new end knows what is missing below.
    if (begin !== this.#load(END)) this.#store(BEGIN, begin);
    this.#store(END, end);
  }

  /** The reader's: leaf hashes from `fromOffset` on, at most `leavesMax`, one behind the other; a copy. */
  take(fromOffset: number, leavesMax: number): Uint8Array {
    const end = this.#load(END);
    if (fromOffset >= end || fromOffset < this.#load(BEGIN)) return NOTHING;
    const count = Math.min(end - fromOffset, leavesMax);
    const taken = new Uint8Array(count * HASH_BYTES);
    const slot = fromOffset % LEAF_RING_LEAVES;
    const unbroken = Math.min(count, LEAF_RING_LEAVES - slot);
    taken.set(this.#leaves.subarray(slot * HASH_BYTES, (slot + unbroken) * HASH_BYTES));
    taken.set(this.#leaves.subarray(0, (count - unbroken) * HASH_BYTES), unbroken * HASH_BYTES);
    return taken;
  }

  /** The reader's: it needs nothing below `offset` any more, wherever it had it from. */
  release(offset: number): void {
    this.#store(TAKEN, offset);
  }

  #put({ offset, event, receiptHash }: NewEntry): void {
    const { sequencerId } = event.sequencer;
    if (sequencerId !== this.#sequencerId) {
      this.#sequencerId = sequencerId;
      this.#sequencerBytes = uuidToBytes(sequencerId);
    }
    const record = leafRecord({
      kind: event.kind,
      offset,
      receiptHash,
      sequencedAtMs: event.sequencedAtMs,
      sequencerId: this.#sequencerBytes,
      receiptSignature: event.receiptSignature,
      event: event.envelope,
    });
    this.#hashInto(record, (offset % LEAF_RING_LEAVES) * HASH_BYTES);
  }

  #load(counter: number): number {
    return Number(Atomics.load(this.#counters, counter));
  }

  #store(counter: number, offset: number): void {
    Atomics.store(this.#counters, counter, BigInt(offset));
  }
}
