/**
 * Replies that were handed over and not taken yet: their bytes are held until the client reads them, and nothing obliges it
 * to. Beyond `bytesMax` whoever has waited longest is cut off, so that clients who do not read lose their own replies and
 * not everybody else the memory. A lone reply stays whatever its size.
 */
export interface PendingReply {
  /** Closes the connection. */
  cutOff(): void;
}

export class PendingReplies {
  /** In the order they began to wait. */
  readonly #waiting = new Map<PendingReply, number>();
  #bytes = 0;

  constructor(private readonly bytesMax: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  add(reply: PendingReply, bytes: number): void {
    this.#waiting.set(reply, bytes);
    this.#bytes += bytes;
    for (const oldest of this.#waiting.keys()) {
      if (this.#bytes <= this.bytesMax || oldest === reply) return;
      this.remove(oldest);
      oldest.cutOff();
    }
  }

  /** Safe to repeat. */
  remove(reply: PendingReply): void {
    this.#bytes -= this.#waiting.get(reply) ?? 0;
    this.#waiting.delete(reply);
  }
}
