/** Places as a log may bring them: any streams and kinds, ids of every shape that a hash, a sort or a page may stumble over. */
import type { Place } from "../../src/store/recent-places.js";
import type { Random } from "./fuzz/random.js";

const ID_BYTES = 16;

/** A stream that had events long before: numbers above 32 bits go through SQLite as doubles. */
const OLD_STREAM = 3;
const OLD_STREAM_HEAD = 2 ** 40;

/** Makes the next places of one log, and keeps all of them for comparison. */
export class PlaceMaker {
  readonly places: Place[] = [];
  readonly #heads = new Map<string, number>();
  readonly #taken = new Set<string>();
  #clock = 0;

  constructor(
    readonly random: Random,
    readonly firstOffset = 0,
    readonly streams = 4,
  ) {}

  get endOffset(): number {
    return this.firstOffset + this.places.length;
  }

  /** What a chunk would add. It counts when it is given to `keep`. */
  chunk(size: number): Place[] {
    const heads = new Map(this.#heads);
    return Array.from({ length: size }, (_, index) => {
      const streamRef = 1 + this.random.below(this.streams);
      const kind = this.random.below(2);
      const key = `${streamRef}/${kind}`;
      const sequenceNumber = (heads.get(key) ?? (streamRef === OLD_STREAM ? OLD_STREAM_HEAD : 0)) + 1;
      heads.set(key, sequenceNumber);
      return { offset: this.endOffset + index, eventId: this.#newId(), streamRef, kind, sequenceNumber };
    });
  }

  /** The chunk is durable. */
  keep(places: readonly Place[]): void {
    for (const place of places) {
      this.places.push(place);
      this.#heads.set(`${place.streamRef}/${place.kind}`, place.sequenceNumber);
    }
  }

  /** An id nobody has. */
  unknownId(): Uint8Array {
    const id = this.places.length === 0 ? this.random.bytes(ID_BYTES) : this.random.pick(this.places).eventId.slice();
    do id[this.random.below(ID_BYTES)]! ^= 1 << this.random.below(8);
    while (this.#taken.has(text(id)));
    return id;
  }

  #newId(): Uint8Array {
    for (;;) {
      const id = this.#id();
      if (this.#taken.has(text(id))) continue;
      this.#taken.add(text(id));
      return id;
    }
  }

  #id(): Uint8Array {
    const { random } = this;
    const id = random.bytes(ID_BYTES);
    const shape = random.below(8);
    // Equal in their first bytes: what is sorted by those, or compared by a part, cannot tell them apart.
    if (shape === 0) id.fill(0xab, 0, random.pick([4, 8, 12, 15]));
    if (shape === 1) id.fill(random.pick([0, 0xff]));
    if (shape === 2) id.fill(0, 1).fill(random.below(256), 15);
    // By their time, as UUIDs of version 7.
    if (shape === 3) new DataView(id.buffer).setBigUint64(0, BigInt(1_763_700_000_000 + this.#clock++) << 16n);
    // A few bits of each word: the sums of a weak hash meet.
    if (shape === 4) for (let at = 0; at < ID_BYTES; at++) id[at]! &= at % 4 === 3 ? 0xf0 : 0;
    return id;
  }
}

function text(id: Uint8Array): string {
  return Buffer.from(id).toString("latin1");
}
