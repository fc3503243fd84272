/** How long to wait before trying again: exponential, jittered so that clients cut off together do not return together. */
export interface BackoffPolicy {
  /** Ceiling of the first wait, milliseconds; it doubles with each further one. */
  readonly baseMs: number;
  /** Largest ceiling, milliseconds. */
  readonly maxMs: number;
}

/** First retry soon (a restart takes about a second), and a fleet cut off for long asks a few times a minute at most. */
export const BACKOFF: BackoffPolicy = { baseMs: 100, maxMs: 10_000 };

/** Doublings after which every policy is at its maximum; keeps the power finite. */
const DOUBLINGS_MAX = 30;

/** Whoever asks for more, a proxy in a long maintenance, is asked again once an hour. */
const ASKED_SECONDS_MAX = 3600;

/**
 * Milliseconds to wait after the `failures`-th failure in a row (from 1): between half the ceiling and the ceiling, and never
 * less than the service asked for, up to an hour. `random` is in [0, 1).
 */
export function backoffMs(
  failures: number,
  retryAfterSeconds: number | null,
  random: () => number,
  policy: BackoffPolicy,
): number {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(Math.max(failures, 1) - 1, DOUBLINGS_MAX));
  const jittered = ceiling / 2 + (random() * ceiling) / 2;
  return Math.max(jittered, Math.min(retryAfterSeconds ?? 0, ASKED_SECONDS_MAX) * 1000);
}
