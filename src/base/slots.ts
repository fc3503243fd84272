/**
 * Values that come and go by the thousand, under numbers given out here. A Map that lives long would do, at a price: its
 * table moves to the old part of the heap, every table that follows it is made there, and the dead ones among them keep
 * whatever they held alive from one collection of the young part to the next. Here a slot that is left holds nothing.
 */
import { assert } from "./assert.js";

const NUMBERS = 2 ** 32;
const SLOTS_MAX = 2 ** 24;

export class Slots<T> {
  /** A power of two: it divides the numbers, so that a number says its slot also after they came round. */
  readonly #count: number;
  readonly #values: (T | undefined)[] = [];
  /** Of each slot the number it was last known by. */
  readonly #numbers: number[] = [];
  readonly #free: number[] = [];

  /** Room for `valuesMax` values at a time. */
  constructor(valuesMax: number) {
    assert(valuesMax >= 1 && valuesMax <= SLOTS_MAX, "as many slots as there may be values, within reason");
    this.#count = 2 ** Math.ceil(Math.log2(valuesMax));
  }

  get size(): number {
    return this.#values.length - this.#free.length;
  }

  /** The value's number, a u32: not given out again before its slot was used 2^8 times more, whatever `valuesMax`. */
  add(value: T): number {
    const slot = this.#free.pop() ?? this.#values.length;
    assert(slot < this.#count, "there are more values than was said");
    const number = ((this.#numbers[slot] ?? slot) + this.#count) % NUMBERS;
    this.#numbers[slot] = number;
    this.#values[slot] = value;
    return number;
  }

  /** Undefined for a number that was taken before or never given out. */
  take(number: number): T | undefined {
    const slot = number % this.#count;
    if (this.#numbers[slot] !== number) return undefined;
    const value = this.#values[slot];
    if (value === undefined) return undefined;
    this.#values[slot] = undefined;
    this.#free.push(slot);
    return value;
  }
}
