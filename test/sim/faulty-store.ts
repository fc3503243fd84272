/**
 * The lane's store behind the scheduler: the real one, and the ways its contract allows a commit to end. Each call takes
 * steps of its own, so that everything else moves between a write, its flush and the flush's return.
 */
import {
  type ChunkQuery,
  type ChunkState,
  type ChunkWrites,
  type LaneStore,
  type LogIdentity,
  StorageFullError,
} from "../../src/store/contract.js";
import type { Scheduler } from "./scheduler.js";

/** What may go wrong, as chances per commit. */
export interface StoreFaults {
  /** The disk took nothing. */
  readonly full: number;
  /** An error before the chunk was durable. */
  readonly before: number;
  /** An error although the chunk is durable. */
  readonly after: number;
}

export const NO_FAULTS: StoreFaults = { full: 0, before: 0, after: 0 };

export class FaultyStore implements LaneStore {
  readonly identity: LogIdentity;
  readonly #inner: LaneStore;
  readonly #scheduler: Scheduler;
  readonly #queue: string;
  readonly #faults: () => StoreFaults;
  readonly #onFull: () => void;

  constructor(
    inner: LaneStore,
    scheduler: Scheduler,
    queue: string,
    options: { faults(): StoreFaults; onFull(): void },
  ) {
    this.identity = inner.identity;
    this.#inner = inner;
    this.#scheduler = scheduler;
    this.#queue = queue;
    this.#faults = options.faults;
    this.#onFull = options.onFull;
  }

  async begin(query: ChunkQuery): Promise<ChunkState> {
    const state = await this.#step(() => this.#inner.begin(query) as ChunkState);
    await this.#step(() => {});
    return state;
  }

  async commit(writes: ChunkWrites): Promise<void> {
    const { random } = this.#scheduler;
    const { full, before, after } = this.#faults();
    await this.#step(() => {});
    if (random.chance(full)) {
      this.#onFull();
      await this.#step(() => this.#inner.rollback());
      throw new StorageFullError("the simulated disk is full");
    }
    if (random.chance(before)) throw new Error("simulated I/O error before the flush");
    await this.#step(() => this.#inner.commit(writes));
    // The chunk is durable now; the lane does not know yet.
    if (random.chance(after)) throw new Error("simulated I/O error after the flush");
    await this.#step(() => {});
  }

  async rollback(): Promise<void> {
    await this.#step(() => this.#inner.rollback());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#inner[Symbol.asyncDispose]());
  }

  #step<T>(work: () => T): Promise<T> {
    return this.#scheduler.turn(this.#queue, work);
  }
}
