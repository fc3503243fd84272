/**
 * Proofs on their way to the lane: one at a time, and after each a rest. A proof is a hundred times an event's bytes, and
 * the chunk that writes it makes every event beside it wait for those bytes; so proofs get at most a share of the lane's
 * time, whatever the disk's speed, and never two in one chunk.
 */

/** Rest after a proof, in multiples of the time its commit took: proofs get a tenth of the lane's time. */
const REST_FACTOR = 9;
/** A commit that stalled says nothing about the next one. */
const REST_MS_MAX = 100;

export class StoreTurns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `store` when every earlier one is done and rested. Rejects with what `store` rejects with. */
  run<T>(store: () => Promise<T>): Promise<T> {
    let restMs = 0;
    const turn = this.#last.then(async () => {
      const startedMs = performance.now();
      const stored = await store();
      restMs = Math.min(REST_MS_MAX, REST_FACTOR * (performance.now() - startedMs));
      return stored;
    });
    const rested = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, restMs));
    this.#last = turn.then(rested, () => {});
    return turn;
  }
}
