/**
 * Timeouts of one length that thousands start every second and hardly any reaches: a list in the order of their ends, and
 * one timer for the first. A timer of Node's each would cost more than receiving a small request body.
 */
export class EqualTimeouts {
  private first: Timeout | null = null;
  private last: Timeout | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly ms: number) {}

  /** `timeout` must not be running. */
  start(timeout: Timeout): void {
    timeout.endsAtMs = performance.now() + this.ms;
    timeout.before = this.last;
    timeout.after = null;
    if (this.last === null) this.first = timeout;
    else this.last.after = timeout;
    this.last = timeout;
    // One that is set stays set, whatever is stopped meanwhile: at its end it looks for the first one left.
    this.timer ??= setTimeout(() => this.check(), this.ms);
  }

  /** Safe to repeat. */
  stop(timeout: Timeout): void {
    if (timeout.before === null && this.first !== timeout) return;
    if (timeout.before === null) this.first = timeout.after;
    else timeout.before.after = timeout.after;
    if (timeout.after === null) this.last = timeout.before;
    else timeout.after.before = timeout.before;
    timeout.before = null;
    timeout.after = null;
  }

  private check(): void {
    this.timer = null;
    const nowMs = performance.now();
    for (let timeout = this.first; timeout !== null && timeout.endsAtMs <= nowMs; timeout = this.first) {
      this.stop(timeout);
      timeout.timedOut();
    }
    if (this.first === null || this.timer !== null) return;
    this.timer = setTimeout(() => this.check(), Math.ceil(this.first.endsAtMs - nowMs));
  }
}

/** A member of the list; what it holds is the list's. */
export abstract class Timeout {
  endsAtMs = 0;
  before: Timeout | null = null;
  after: Timeout | null = null;

  /** Its time is over; it may be started again. */
  abstract timedOut(): void;
}
