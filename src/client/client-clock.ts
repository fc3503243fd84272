/** Time as the client sees it, an argument so that tests and simulations can drive every wait. */
export interface ClientClock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds since some moment: nobody sets them, so that how long something takes is measured by these. */
  elapsedMs(): number;
  /** Runs `run` once after `delayMs`, unless the returned cancel is called before. */
  after(delayMs: number, run: () => void): () => void;
}

/** Longest delay of one platform timer: a longer one would run out at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const platformClock: ClientClock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(delayMs, run) {
    let timer: ReturnType<typeof setTimeout>;
    const arm = (leftMs: number): void => {
      const nextMs = Math.min(leftMs, TIMER_MS_MAX);
      timer = setTimeout(() => (leftMs > nextMs ? arm(leftMs - nextMs) : run()), nextMs);
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: ClientClock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal!.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Resolves when everything else that is ready has run. Not a timer: those of a page in the background fire once a second. */
export function nextTurn(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
