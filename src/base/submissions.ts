/**
 * Requests that wait for their one answer. This is the bounded queue in front of the lane: above `requestsMax` requests
 * or `bytesMax` body bytes in flight new work is refused at once, so nobody waits for seconds (design rule 5).
 */
import { assert } from "./assert.js";
import { CodedError } from "./errors.js";

export interface SubmissionLimits {
  readonly requestsMax: number;
  readonly bytesMax: number;
}

interface Waiter {
  readonly bytes: number;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export interface Submission<T> {
  readonly requestId: number;
  readonly answer: Promise<T>;
}

export class Submissions {
  readonly #limits: SubmissionLimits;
  readonly #waiting = new Map<number, Waiter>();
  readonly #onIdle: (() => void)[] = [];
  #bytes = 0;
  #lastId = 0;
  #isClosed = false;

  constructor(limits: SubmissionLimits) {
    this.#limits = limits;
  }

  get requests(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Admits a request or throws OVERLOADED, or SHUTTING_DOWN once closed. A lone request is admitted whatever its size. */
  open<T>(bytes: number): Submission<T> {
    if (this.#isClosed) throw new CodedError("SHUTTING_DOWN", "the service is shutting down");
    const isFull = this.#waiting.size >= this.#limits.requestsMax || this.#bytes + bytes > this.#limits.bytesMax;
    if (isFull && this.#waiting.size > 0) throw new CodedError("OVERLOADED", "too many submissions in flight");
    this.#lastId = (this.#lastId + 1) >>> 0;
    const requestId = this.#lastId;
    assert(!this.#waiting.has(requestId), "a request id came round while its first user still waits");
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.set(requestId, { bytes, resolve: resolve as (answer: unknown) => void, reject });
    });
    this.#bytes += bytes;
    return { requestId, answer };
  }

  answer(requestId: number, answer: unknown): void {
    this.#take(requestId).resolve(answer);
  }

  refuse(requestId: number, error: Error): void {
    this.#take(requestId).reject(error);
  }

  /** From now on nothing is admitted; resolves when every waiter has its answer. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #take(requestId: number): Waiter {
    const waiter = this.#waiting.get(requestId);
    assert(waiter !== undefined, `request ${requestId} was answered twice or never asked`);
    this.#waiting.delete(requestId);
    this.#bytes -= waiter.bytes;
    if (this.#waiting.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    return waiter;
  }
}
