/** Time as the client sees it, an argument so that tests and simulations can drive every wait. */
export interface ClientClock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Runs `run` once after `delayMs`, unless the returned cancel is called before. */
  after(delayMs: number, run: () => void): () => void;
}

export const platformClock: ClientClock = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
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
