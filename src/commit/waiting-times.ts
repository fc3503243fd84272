/**
 * Since when entries have been waiting for a commitment. Their own time says so, as a rule. After the clock was set back, time in
 * the log stands still until the clock is there again, and what is sequenced meanwhile bears a time that is yet to come: such an
 * entry waits from the first look that found it there. Bound: `LOOKS_MAX` looks; of more every second one is forgotten, and what
 * it found waits until the next.
 */
const LOOKS_MAX = 1024;

interface Look {
  /** Every entry below was there. */
  readonly headOffset: number;
  readonly ms: number;
}

export class WaitingTimes {
  /** In the order of both members. */
  #looks: Look[] = [];

  /** The log ends at `headOffset`, with entries whose time is yet to come. */
  look(headOffset: number, nowMs: number): void {
    // Nothing waits since a time that the clock has not reached either.
    while (this.#looks.length > 0 && this.#looks.at(-1)!.ms > nowMs) this.#looks.pop();
    if ((this.#looks.at(-1)?.headOffset ?? 0) >= headOffset) return;
    if (this.#looks.length >= LOOKS_MAX) this.#looks = this.#looks.filter((_, index) => index % 2 === 1);
    this.#looks.push({ headOffset, ms: nowMs });
  }

  /** Entries below this offset have been waiting since `sinceMs`, whatever their own time says; 0 = that is known of none. */
  headAt(sinceMs: number): number {
    return this.#looks.findLast(({ ms }) => ms <= sinceMs)?.headOffset ?? 0;
  }

  /** Nothing below `offset` is asked about again. */
  forgetBelow(offset: number): void {
    const kept = this.#looks.findIndex(({ headOffset }) => headOffset > offset);
    this.#looks.splice(0, kept < 0 ? this.#looks.length : kept);
  }
}
