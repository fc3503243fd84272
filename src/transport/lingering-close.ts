/**
 * Closes a connection whose client was told so: not before it has read the reply, and nothing else of the connection is
 * answered. Closing with unread bytes makes the kernel reset the connection, and a client that is still sending never sees
 * the reply (RFC 9112 section 9.6): so the rest of a request body is read to its end, for a moment at most.
 */
const LINGER_MS = 2_000;

export class LingeringClose {
  private isOver = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly close: () => void,
    lingerMs = LINGER_MS,
  ) {
    this.timer = setTimeout(() => this.finish(), lingerMs);
  }

  /** Some of the body was thrown away. Its end is the connection's, once the reply is on its way. */
  discarded(isLast: boolean): void {
    if (isLast) setImmediate(() => this.finish());
  }

  /** The connection is gone. */
  cancel(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private finish(): void {
    if (this.isOver) return;
    this.cancel();
    this.close();
  }
}
