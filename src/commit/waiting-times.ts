/**
 * Since when streams have been waiting for a commitment. Their first event says so, as a rule. After the clock was set back,
 * time in the log stands still until the clock is there again, and what is sequenced meanwhile bears a time that is yet to
 * come: such a stream waits from when it was first looked at.
 */
import type { UncommittedStream } from "../store/commitment-contract.js";

/** Streams remembered; with more of them, some wait longer. */
const STREAMS_MAX = 65_536;

interface FirstLook {
  readonly committed: number;
  readonly ms: number;
}

export class WaitingTimes {
  readonly #firstLooks = new Map<number, FirstLook>();

  /** Unix milliseconds, never after `nowMs`. */
  sinceMs({ ref, committed, waitingSinceMs }: UncommittedStream, nowMs: number): number {
    if (waitingSinceMs <= nowMs) return waitingSinceMs;
    const known = this.#firstLooks.get(ref);
    if (known?.committed === committed && known.ms <= nowMs) return known.ms;
    if (known === undefined && this.#firstLooks.size >= STREAMS_MAX) this.#firstLooks.clear();
    this.#firstLooks.set(ref, { committed, ms: nowMs });
    return nowMs;
  }
}
