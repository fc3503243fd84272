/**
 * Requests that wait for their one answer. This is the bounded queue in front of the lane: above `requestsMax` requests
 * or `bytesMax` body bytes in flight new work is refused at once, so nobody waits for seconds (design rule 5). Work of one
 * flow (one client's requests of a kind) is refused earlier, so that no flow can shut the others out.
 */
import { assert } from "./assert.js";
import { CodedError } from "./errors.js";

export interface SubmissionLimits {
  readonly requestsMax: number;
  readonly bytesMax: number;
}

/**
 * A flow may hold this many times what is still free (dynamic thresholds, Choudhury and Hahne 1998): alone 3/4 of the
 * whole, n flows 3/(1+3n) each, and 1/(1+3n) stays free for the one that comes next.
 */
const FREE_SHARES_MAX = 3;

interface FlowUse {
  requests: number;
  bytes: number;
}

interface Waiter {
  readonly bytes: number;
  readonly flow: string | null;
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
  /** Of flows with requests in flight. */
  readonly #flows = new Map<string, FlowUse>();
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

  /**
   * Admits a request or throws OVERLOADED, or SHUTTING_DOWN once closed. A lone request is admitted whatever its size.
   * `flow`: whose share it takes; null = the service's own work, which has the whole.
   */
  open<T>(bytes: number, flow: string | null): Submission<T> {
    if (this.#isClosed) throw new CodedError("SHUTTING_DOWN", "the service is shutting down");
    const { requestsMax, bytesMax } = this.#limits;
    const isFull = this.#waiting.size >= requestsMax || this.#bytes + bytes > bytesMax;
    if (isFull && this.#waiting.size > 0) throw new CodedError("OVERLOADED", "too many submissions in flight");
    if (flow !== null) this.#takeShare(flow, bytes);
    this.#lastId = (this.#lastId + 1) >>> 0;
    const requestId = this.#lastId;
    assert(!this.#waiting.has(requestId), "a request id came round while its first user still waits");
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.set(requestId, { bytes, flow, resolve: resolve as (answer: unknown) => void, reject });
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

  #takeShare(name: string, bytes: number): void {
    const flow = this.#flows.get(name);
    if (flow === undefined) {
      this.#flows.set(name, { requests: 1, bytes });
      return;
    }
    const freeRequests = this.#limits.requestsMax - this.#waiting.size;
    const freeBytes = this.#limits.bytesMax - this.#bytes;
    if (flow.requests >= FREE_SHARES_MAX * freeRequests || flow.bytes + bytes > FREE_SHARES_MAX * freeBytes) {
      throw new CodedError("OVERLOADED", "too many submissions of one client in flight");
    }
    flow.requests += 1;
    flow.bytes += bytes;
  }

  #giveShareBack(name: string, bytes: number): void {
    const flow = this.#flows.get(name)!;
    flow.requests -= 1;
    flow.bytes -= bytes;
    if (flow.requests === 0) this.#flows.delete(name);
  }

  #take(requestId: number): Waiter {
    const waiter = this.#waiting.get(requestId);
    assert(waiter !== undefined, `request ${requestId} was answered twice or never asked`);
    this.#waiting.delete(requestId);
    this.#bytes -= waiter.bytes;
    if (waiter.flow !== null) this.#giveShareBack(waiter.flow, waiter.bytes);
    if (this.#waiting.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    return waiter;
  }
}
