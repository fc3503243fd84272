import { setTimeout as delay } from "node:timers/promises";

/** How long a hard exit waits for threads that are loading: some 50 ms unless the disk does not answer. */
const HARD_EXIT_WAIT_MS = 1_000;

/**
 * Threads that are loading their modules while the service runs. Node aborts the process (SIGABRT) when one of them is ended, by `terminate` or by
 * the process's own exit, so whoever ends threads waits for this first. A thread that replaces one that died counts like any other.
 */
export class ThreadStarts {
  readonly #loading = new Set<Promise<unknown>>();
  readonly #followed: (() => Promise<unknown>)[] = [];

  /** `loaded` settles when the thread has loaded or is gone. */
  add(loaded: Promise<unknown>): void {
    this.#loading.add(loaded);
    const isDone = (): boolean => this.#loading.delete(loaded);
    loaded.then(isDone, isDone);
  }

  /** The same of threads that somebody replaces: asked when it matters, `loaded` is of those that are there by then. */
  follow(loaded: () => Promise<unknown>): void {
    this.#followed.push(loaded);
  }

  /** Resolves when no thread is loading. */
  async settled(): Promise<void> {
    do {
      await Promise.allSettled([...this.#loading, ...this.#followed.map((loaded) => loaded())]);
    } while (this.#loading.size > 0);
  }

  /** The same for a process that must end now: not later than a second from now, whatever a thread waits for. */
  async settledForExit(): Promise<void> {
    await Promise.race([this.settled(), delay(HARD_EXIT_WAIT_MS)]);
  }
}
