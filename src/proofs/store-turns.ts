/**
 * Proofs on their way to the lane: one at a time, and after each a rest while events are coming in. A proof is a hundred
 * times an event's bytes: to read, to verify, to write into a chunk that events wait for, and to collect as garbage. So
 * there are never two in one chunk, and never more than twenty a second beside events.
 */

/** Rest after a proof. 200 proofs that arrive together are stored within ten seconds, their deadline is fifteen. */
const REST_MS = 50;
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
    const turn = this.#last.then(store);
    this.#last = turn.then(
      () => this.#rest(),
      () => {},
    );
    return turn;
  }

  async #rest(): Promise<void> {
    if (this.#ingestIdleMs() > INGEST_IDLE_MS) return;
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
}
