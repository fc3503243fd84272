/**
 * Tells a dead WebSocket peer from a slow one. A ping is a mark in the byte stream: its pong says that everything before it
 * was read. A peer with nothing outstanding must answer within the interval; one with bytes outstanding gets the time they
 * take at `BYTES_PER_SECOND_MIN`. So a subscriber may be slow for ever as long as it still moves, and one that is gone, with
 * an empty connection, is noticed within two intervals (a full one is noticed by TCP's own retransmission limit).
 */

/** Slower than this is not moving: a 3 MB send buffer may then take up to 3 hours to read. */
const BYTES_PER_SECOND_MIN = 256;

export class Liveness {
  readonly #intervalMs: number;
  #sentBytes = 0;
  /** The ping that is out: where in the stream it stands and when it was sent; null = answered. */
  #mark: { readonly atBytes: number; readonly sentMs: number } | null = null;
  /** Everything below was read by the peer. */
  #readBytes = 0;
  #lastSignMs: number;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#lastSignMs = nowMs;
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /** Anything at all came from the peer. */
  sign(nowMs: number): void {
    this.#lastSignMs = nowMs;
  }

  /** The peer answered the ping that is out. */
  pong(nowMs: number): void {
    this.sign(nowMs);
    if (this.#mark !== null) this.#readBytes = this.#mark.atBytes;
    this.#mark = null;
  }

  /** What to do now: leave it, ping it (and call this again), or give it up. */
  judge(nowMs: number): "alive" | "ping" | "dead" {
    if (this.#mark === null) {
      if (nowMs - this.#lastSignMs < this.#intervalMs) return "alive";
      this.#mark = { atBytes: this.#sentBytes, sentMs: nowMs };
      return "ping";
    }
    const outstandingMs = ((this.#mark.atBytes - this.#readBytes) / BYTES_PER_SECOND_MIN) * 1000;
    const deadlineMs = Math.max(this.#lastSignMs, this.#mark.sentMs) + this.#intervalMs + outstandingMs;
    return nowMs > deadlineMs ? "dead" : "alive";
  }
}
