/**
 * That every subscriber of an audience gets each entry once and in order, and that all of them get the same bytes. Of each frame
 * it reads the offset, of a sample the whole content: what is counted a million times a second must cost next to nothing. And
 * that it did look: figures of frames that nobody looked at are none.
 */

/** Of a frame's payload that must be there to read its offset. */
export const CHECKED_BYTES = 64;

/** Of so many entries one is compared byte for byte. */
const SAMPLE_EVERY = 64;
/** Samples kept: subscribers that are further apart are not compared. */
const SAMPLES_MAX = 4_096;

const OFFSET_AT = '{"kind":"ves_event","offset":'.length;
const COLON = 0x3a;
const ARRAY = 0x5b;
const ZERO = 0x30;
const NINE = 0x39;

export class EntryCheck {
  /** Frames whose offset was read. */
  looked = 0;
  /** Of these, compared with another subscriber's. */
  compared = 0;
  #firstOffset: number | null = null;
  readonly #samples = new Map<number, Buffer>();

  /**
   * The check of one subscriber, for each of its frames in turn: `length` bytes from `at` on, of which the first
   * `CHECKED_BYTES` are in `bytes`, which ends at `end`. Throws on an entry that is not the next one or differs from another
   * subscriber's. Of an array of entries only the first one is looked at: it comes after that of the array before.
   */
  subscriber(): (bytes: Buffer, at: number, length: number, end: number) => void {
    let next: number | null = null;
    return (bytes, at, length, end) => {
      const isArray = bytes[at] === ARRAY;
      const isFirst = next === null;
      next ??= this.#firstOffset;
      const offset = readOffset(bytes, isArray ? at + 1 : at);
      const isDue = next === null || offset === next || (isArray && !isFirst && offset > next);
      if (!isDue) throw new Error(`got entry ${offset} where ${next} was due`);
      this.#firstOffset ??= offset;
      this.looked += 1;
      next = offset + 1;
      if (isArray) return;
      if (offset % SAMPLE_EVERY === 0 && at + length <= end) this.#compare(offset, bytes, at, at + length);
    };
  }

  /** For the end: throws when less was looked at than `subscribers` that got `messages` frames between them allow. */
  conclude(subscribers: number, messages: number): void {
    if (this.looked < Math.max(messages, 1)) throw new Error(`${this.looked} frames of ${messages} were looked at`);
    if (subscribers > 1 && this.compared === 0) {
      throw new Error(
        `nothing that ${subscribers} subscribers got was compared: too few entries, or none of them whole`,
      );
    }
  }

  #compare(offset: number, bytes: Buffer, from: number, to: number): void {
    const sample = this.#samples.get(offset);
    if (sample === undefined) {
      this.#samples.set(offset, Buffer.from(bytes.subarray(from, to)));
      if (this.#samples.size > SAMPLES_MAX) this.#samples.delete(this.#samples.keys().next().value!);
      return;
    }
    if (bytes.compare(sample, 0, sample.length, from, to) !== 0) throw new Error(`entry ${offset} has two contents`);
    this.compared += 1;
  }
}

function readOffset(bytes: Buffer, at: number): number {
  let digitAt = at + OFFSET_AT;
  let offset = bytes[digitAt - 1] === COLON ? 0 : Number.NaN;
  for (let digit = bytes[digitAt]!; digit >= ZERO && digit <= NINE; digit = bytes[++digitAt]!) {
    offset = offset * 10 + digit - ZERO;
  }
  if (Number.isNaN(offset))
    throw new Error(`a frame without an offset: ${bytes.toString("latin1", at, at + CHECKED_BYTES)}`);
  return offset;
}
