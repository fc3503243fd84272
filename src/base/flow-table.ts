/**
 * Flows by name. One that went idle stays for its next time until there are many: names that come and go with every request
 * would leave a trail of dead tables in the old part of the heap (see `slots.ts`). Bound: what is busy, and as much again.
 */

/**
 * Where flows share what is bounded, one may hold this many times what is still free (dynamic thresholds, Choudhury and Hahne
 * 1998): alone 3/4 of the whole, n flows 3/(1+3n) each, and 1/(1+3n) stays free for the one that comes next.
 */
export const FREE_SHARES_MAX = 3;

/** Idle or not, so many are never looked through. */
const KEPT_MIN = 1024;

export class FlowTable<T> {
  readonly #create: () => T;
  readonly #isIdle: (flow: T) => boolean;
  readonly #flows = new Map<string, T>();
  #sweepAt = KEPT_MIN;

  constructor(create: () => T, isIdle: (flow: T) => boolean) {
    this.#create = create;
    this.#isIdle = isIdle;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Known or new; a new one is idle. */
  of(name: string): T {
    let flow = this.#flows.get(name);
    if (flow === undefined) {
      if (this.#flows.size >= this.#sweepAt) this.#sweep();
      flow = this.#create();
      this.#flows.set(name, flow);
    }
    return flow;
  }

  #sweep(): void {
    for (const [name, flow] of this.#flows) if (this.#isIdle(flow)) this.#flows.delete(name);
    this.#sweepAt = Math.max(KEPT_MIN, 2 * this.#flows.size);
  }
}
