/**
 * Places of the log's newest entries in memory: by event id, and by number in a stream. They are what the sorted tables of
 * places do not have yet. Two parties hold one each: the lane, which merges it into the tables a generation at a time, and
 * whoever reads, which follows the rows that the lane leaves.
 */
import { randomFillSync } from "node:crypto";
import { assert } from "../base/assert.js";

/** An entry's place: what it is found by, and its offset. */
export interface Place {
  readonly offset: number;
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  readonly streamRef: number;
  /** Index into `ENTRY_KINDS`. */
  readonly kind: number;
  readonly sequenceNumber: number;
}

/**
 * Entries merged together. The more, the fewer pages of the tables per entry; the fewer, the less memory (2.5 MiB each,
 * more where nearly every entry is of another stream; two or three at a time) and the sooner a start has read them again.
 */
export const GENERATION_PLACES = 65_536;

/** Entries of one stream and kind, whose numbers follow each other. */
export interface NumberRun {
  readonly streamRef: number;
  readonly kind: number;
  readonly firstNumber: number;
  /** In the order of their numbers. */
  readonly offsets: number[];
}

const KINDS = 2;
const runKey = (streamRef: number, kind: number): number => streamRef * KINDS + kind;

/** Consecutive entries from `firstOffset` on, up to so many. */
export class PlaceGeneration {
  readonly firstOffset: number;
  readonly #capacity: number;
  #count = 0;
  readonly #ids: IdTable;
  readonly #runs = new Map<number, NumberRun>();

  constructor(firstOffset: number, places = GENERATION_PLACES) {
    this.firstOffset = firstOffset;
    this.#capacity = places;
    this.#ids = new IdTable(places);
  }

  get isFull(): boolean {
    return this.#count === this.#capacity;
  }

  /** Offset behind its last entry. */
  get endOffset(): number {
    return this.firstOffset + this.#count;
  }

  add({ offset, eventId, streamRef, kind, sequenceNumber }: Place): void {
    assert(offset === this.endOffset && !this.isFull, "places are added in the log's order");
    const key = runKey(streamRef, kind);
    const run = this.#runs.get(key);
    if (run === undefined) this.#runs.set(key, { streamRef, kind, firstNumber: sequenceNumber, offsets: [offset] });
    else {
      assert(sequenceNumber === run.firstNumber + run.offsets.length, "a stream's numbers have no gap");
      run.offsets.push(offset);
    }
    this.#ids.add(eventId);
    this.#count += 1;
  }

  offsetOfEvent(id: WantedId): number | undefined {
    const index = this.#ids.find(id);
    return index === undefined ? undefined : this.firstOffset + index;
  }

  run(streamRef: number, kind: number): NumberRun | undefined {
    return this.#runs.get(runKey(streamRef, kind));
  }

  /** Every run, in the order of streams and kinds. */
  runsInOrder(): NumberRun[] {
    return [...this.#runs].sort(([a], [b]) => a - b).map(([, run]) => run);
  }

  /** Event ids in their byte order (of the first 4 bytes), `idsMax` at a time, and the offset of each. */
  *idsInOrder(idsMax: number): Generator<{ readonly ids: Uint8Array; readonly offsets: readonly number[] }> {
    for (const indexes of this.#ids.inOrder()) {
      for (let at = 0; at < indexes.length; at += idsMax) {
        const some = indexes.subarray(at, at + idsMax);
        yield { ids: this.#ids.pack(some), offsets: Array.from(some, (index) => this.firstOffset + index) };
      }
    }
  }
}

const ID_BYTES = 16;
const ID_WORDS = 4;

/** One in so many slots is taken at most. */
const SLOTS_PER_ID = 2;

/** Random ids are sorted by their first bits in so many steps, half a millisecond each. A power of two up to 256. */
const SORT_STEPS = 16;

/** An index below the first 32 bits of an id: together they are exact in a double. */
const INDEXES_MAX = 2 ** 21;

/** Ids are chosen by clients: without random factors they could all be made to meet in one slot. */
const FACTORS = randomFillSync(new Uint32Array(ID_WORDS + 1)).map((factor) => factor | 1);

/** An id as it is looked for: its words and their hash, made once for all tables. */
class WantedId {
  readonly words = new Uint32Array(ID_WORDS);
  readonly #bytes = new Uint8Array(this.words.buffer);
  hash = 0;

  set(id: Uint8Array): this {
    assert(id.length === ID_BYTES, "an event id has 16 bytes");
    this.#bytes.set(id);
    this.hash = hashOf(this.words, 0);
    return this;
  }
}

/** 32 bits, of which the highest are the best: each bit of a word reaches them, whichever the others are. */
function hashOf(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < ID_WORDS; i++) {
    hash = Math.imul(hash ^ words[at + i]!, FACTORS[i]!);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, FACTORS[i + 1]!);
    hash ^= hash >>> 13;
  }
  return Math.imul(hash, FACTORS[0]!) >>> 0;
}

const wanted = new WantedId();

/**
 * Ids under the indexes they were added at: open addressing, probed in line. They take their slots when one is looked for:
 * who asks for numbers alone never pays for that.
 */
class IdTable {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  /** Index + 1, 0 = free. */
  readonly #slots: Uint32Array;
  readonly #shift: number;
  #count = 0;
  /** How many have their slots. */
  #slotted = 0;

  constructor(idsMax: number) {
    const bits = Math.ceil(Math.log2(idsMax * SLOTS_PER_ID));
    this.#words = new Uint32Array(idsMax * ID_WORDS);
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#slots = new Uint32Array(2 ** bits);
    this.#shift = 32 - bits;
  }

  add(id: Uint8Array): void {
    assert(id.length === ID_BYTES, "an event id has 16 bytes");
    this.#bytes.set(id, this.#count * ID_BYTES);
    this.#count += 1;
  }

  find({ words, hash }: WantedId): number | undefined {
    while (this.#slotted < this.#count) this.#takeSlot();
    const taken = this.#slots[this.#slotOf(words, 0, hash)]!;
    return taken === 0 ? undefined : taken - 1;
  }

  /** All indexes, sorted by the first four bytes of their ids, in `SORT_STEPS` parts. */
  *inOrder(): Generator<Uint32Array> {
    const perStep = 256 / SORT_STEPS;
    const keys = new Float64Array(this.#count);
    for (let step = 0; step < SORT_STEPS; step++) {
      let taken = 0;
      for (let index = 0; index < this.#count; index++) {
        const first = this.#bytes[index * ID_BYTES]!;
        if (Math.floor(first / perStep) === step) keys[taken++] = this.#firstFourBytes(index) * INDEXES_MAX + index;
      }
      yield Uint32Array.from(keys.subarray(0, taken).sort(), (key) => key % INDEXES_MAX);
    }
  }

  /** Their ids one behind the other. */
  pack(indexes: Uint32Array): Uint8Array {
    const packed = new Uint8Array(indexes.length * ID_BYTES);
    indexes.forEach((index, at) => {
      packed.set(this.#bytes.subarray(index * ID_BYTES, (index + 1) * ID_BYTES), at * ID_BYTES);
    });
    return packed;
  }

  #takeSlot(): void {
    const at = this.#slotted * ID_WORDS;
    const slot = this.#slotOf(this.#words, at, hashOf(this.#words, at));
    assert(this.#slots[slot] === 0, "an event id is in the log once");
    this.#slotted += 1;
    this.#slots[slot] = this.#slotted;
  }

  /** The slot that has the id which stands at `at` in `from`, or the free one where it belongs. */
  #slotOf(from: Uint32Array, at: number, hash: number): number {
    const words = this.#words;
    const slots = this.#slots;
    for (let slot = hash >>> this.#shift; ; slot = (slot + 1) & (slots.length - 1)) {
      const taken = slots[slot]!;
      if (taken === 0) return slot;
      const own = (taken - 1) * ID_WORDS;
      let i = 0;
      while (i < ID_WORDS && words[own + i] === from[at + i]) i++;
      if (i === ID_WORDS) return slot;
    }
  }

  /** As a big-endian number. */
  #firstFourBytes(index: number): number {
    const bytes = this.#bytes;
    const at = index * ID_BYTES;
    return ((bytes[at]! * 256 + bytes[at + 1]!) * 256 + bytes[at + 2]!) * 256 + bytes[at + 3]!;
  }
}

/** Generations of consecutive entries up to the log's end, the oldest first; the last is being filled. */
export class RecentPlaces {
  #generations: PlaceGeneration[] = [];
  readonly #generationPlaces: number;

  constructor(generationPlaces = GENERATION_PLACES) {
    this.#generationPlaces = generationPlaces;
  }

  /** Whole generations, the oldest first. */
  get complete(): readonly PlaceGeneration[] {
    return this.#generations.filter(({ isFull }) => isFull);
  }

  /** Offset behind the last entry; null = none was added. */
  get endOffset(): number | null {
    return this.#generations.at(-1)?.endOffset ?? null;
  }

  add(place: Place): void {
    let last = this.#generations.at(-1);
    if (last === undefined || last.isFull) {
      last = new PlaceGeneration(place.offset, this.#generationPlaces);
      this.#generations.push(last);
    }
    last.add(place);
  }

  /** Forgets whole generations below an offset: their places are in the tables. */
  forgetBelow(offset: number): void {
    this.#generations = this.#generations.filter(({ endOffset }) => endOffset > offset);
  }

  /** Undefined = not among these; an older entry may have it. */
  offsetOfEvent(eventId: Uint8Array): number | undefined {
    const id = wanted.set(eventId);
    for (const generation of this.#generations) {
      const offset = generation.offsetOfEvent(id);
      if (offset !== undefined) return offset;
    }
    return undefined;
  }

  /** The stream's entries of the kind among these, in order: what has a lower number is in the tables. */
  runs(streamRef: number, kind: number): NumberRun[] {
    return this.#generations.flatMap((generation) => generation.run(streamRef, kind) ?? []);
  }
}
