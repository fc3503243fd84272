/**
 * Who has a reader thread next. Tenants take turns: a read waits for about one page of each other tenant that asks, never for
 * another's backlog. Lookups go first: an ingest, a credential or a probe waits for one. They are small, but who sends one need not
 * be known yet: after `LOOKUPS_IN_A_ROW_MAX` of them another read has its turn.
 * Bound: what waits is bounded by who asks, one read or a few for each request and subscriber.
 */
import { FairQueue } from "../base/fair-queue.js";
import type { Uuid } from "../base/ids.js";

/** A row or little more; as many of them as fit in an answer; a lookup is a row that somebody's admission waits for. */
export type ReadSize = "lookup" | "row" | "page";

/** Whose turn a read takes: a tenant's, or null = of a credential for all tenants, of the service itself or of nobody known. */
export type ReadingTenant = Uuid | null;

/** What a tenant reads in its turn. A page may look at thousands of rows; the first row costs more than the next ones do. */
const TURN_ROWS = 16;
const COSTS: Readonly<Record<ReadSize, number>> = { lookup: 1, row: 1, page: TURN_ROWS };

const LOOKUPS_IN_A_ROW_MAX = 64;

export class ReadTurns {
  readonly #lookups = new FairQueue<() => void>(TURN_ROWS);
  readonly #reads = new FairQueue<() => void>(TURN_ROWS);
  #free: number;
  #lookupsInARow = 0;

  /** `threads`: reads at a time. */
  constructor(threads: number) {
    this.#free = threads;
  }

  /** Begins `read` at once while a thread is free, else in its turn. Settles as it does. */
  async run<T>(tenantId: ReadingTenant, size: ReadSize, read: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else {
      const queue = size === "lookup" ? this.#lookups : this.#reads;
      await new Promise<void>((begin) => queue.push(tenantId ?? "", begin, COSTS[size]));
    }
    try {
      return await read();
    } finally {
      this.#passOn();
    }
  }

  /** The thread that became free is the next one's at once: nobody who comes meanwhile gets it first. */
  #passOn(): void {
    const isTurnOfOthers = this.#lookupsInARow >= LOOKUPS_IN_A_ROW_MAX && this.#reads.size > 0;
    const lookup = isTurnOfOthers ? undefined : this.#lookups.shift();
    this.#lookupsInARow = lookup === undefined ? 0 : this.#lookupsInARow + 1;
    const begin = lookup ?? this.#reads.shift();
    if (begin === undefined) this.#free += 1;
    else begin();
  }
}
