/**
 * Lets the checkpointer in between two of the writer's transactions, and each wake the other the moment it is done. SQLite's
 * own lock keeps them apart all the same; but whoever finds that one taken sleeps 1, 2, 5, 10 ms and so on, twice as long
 * as it is held. One writer, one checkpointer, each on a thread of its own; no third party waits here.
 */
const WRITING = 0;
const WANTED = 1;

/** Longer than a checkpoint takes. After it the writer goes on: SQLite's lock decides. */
const WAIT_MS_MAX = 10_000;

export class WriterPause {
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  /** The writer is about to begin a transaction: waits while the checkpointer holds or wants the pause. */
  begin(): void {
    const cells = this.#cells;
    for (;;) {
      Atomics.store(cells, WRITING, 1);
      // Looked at after having said so: one of the two sees the other.
      if (Atomics.load(cells, WANTED) === 0) return;
      this.end();
      if (Atomics.wait(cells, WANTED, 1, WAIT_MS_MAX) === "timed-out") return;
    }
  }

  /** Its transaction is over. */
  end(): void {
    Atomics.store(this.#cells, WRITING, 0);
    if (Atomics.load(this.#cells, WANTED) === 1) Atomics.notify(this.#cells, WRITING);
  }

  /** The checkpointer waits for the end of the transaction under way; then no other begins. False when it took too long. */
  hold(msMax: number): boolean {
    const cells = this.#cells;
    Atomics.store(cells, WANTED, 1);
    if (Atomics.load(cells, WRITING) === 0 || Atomics.wait(cells, WRITING, 1, msMax) !== "timed-out") return true;
    this.release();
    return false;
  }

  release(): void {
    Atomics.store(this.#cells, WANTED, 0);
    Atomics.notify(this.#cells, WANTED);
  }
}
