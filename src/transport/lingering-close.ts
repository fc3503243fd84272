/**
 * Reads on for a moment after a refusal that came before the end of the request body. Closing at once with unread bytes
 * makes the kernel reset the connection, and a client that is still sending never sees the reply (RFC 9112 section 9.6).
 * The reply, already sent but for its end mark, is completed when the body ends or nothing arrived for one interval; a
 * client that is still sending after a fixed number of them is cut off.
 */
const INTERVAL_MS = 250;
const INTERVALS_MAX = 8;

export class LingeringClose {
  private hasArrived = false;
  private intervals = 0;
  private readonly timer = setInterval(() => this.check(), INTERVAL_MS);

  constructor(
    private readonly complete: () => void,
    private readonly cutOff: () => void,
  ) {}

  /** Some of the body was thrown away. */
  discarded(isLast: boolean): void {
    this.hasArrived = true;
    if (isLast) this.finish(this.complete);
  }

  /** The connection is gone. */
  cancel(): void {
    clearInterval(this.timer);
  }

  private check(): void {
    this.intervals++;
    if (!this.hasArrived) this.finish(this.complete);
    else if (this.intervals === INTERVALS_MAX) this.finish(this.cutOff);
    this.hasArrived = false;
  }

  private finish(act: () => void): void {
    this.cancel();
    act();
  }
}
