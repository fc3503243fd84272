/**
 * Proofs on their way to the lane: one at a time, and after each a rest while events are coming in. A proof is a hundred
 * times an event's bytes, and the chunk that writes it makes every event beside it wait for those bytes; so proofs get at
 * most a share of the lane's time, whatever the disk's speed, and never two in one chunk.
 */

/** Rest after a proof, in multiples of the time its commit took: proofs get a twentieth of the lane's time. */
const REST_FACTOR = 19;
/** However slow the disk: 200 proofs that arrive together are stored within their deadline. */
const REST_MS_MAX = 50;
/** Without an event for so long there is nobody to rest for. */
const INGEST_IDLE_MS = 1000;

export class StoreTurns {
  readonly #ingestIdleMs: () => number;
  #last: Promise<unknown> = Promise.resolve();

  /** `ingestIdleMs`: since the last event came in. */
  constructor(ingestIdleMs: () => number) {
    this.#ingestIdleMs = ingestIdleMs;
  }

  /** Runs `store` when every earlier one is done and rested. Rejects with what `store` rejects with. */
  run<T>(store: () => Promise<T>): Promise<T> {
    let storeMs = 0;
    const turn = this.#last.then(async () => {
      const startedMs = performance.now();
      const stored = await store();
      storeMs = performance.now() - startedMs;
      return stored;
    });
    this.#last = turn.then(
      () => this.#rest(storeMs),
      () => {},
    );
    return turn;
  }

  async #rest(storeMs: number): Promise<void> {
    if (this.#ingestIdleMs() > INGEST_IDLE_MS) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(REST_MS_MAX, REST_FACTOR * storeMs)));
  }
}
