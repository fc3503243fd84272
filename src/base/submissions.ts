/**
 * Requests that wait for their one answer. This is the bounded queue in front of the lane: above `requestsMax` requests
 * or `bytesMax` body bytes in flight new work is refused at once, so nobody waits for seconds. Work of one
 * flow (one client's requests of a kind) is refused earlier, so that no flow can shut the others out.
 */
import { assert } from "./assert.js";
import { CodedError } from "./errors.js";
import { FlowTable, FREE_SHARES_MAX } from "./flow-table.js";
import { Slots } from "./slots.js";

export interface SubmissionLimits {
  readonly requestsMax: number;
  readonly bytesMax: number;
}

/** Made once: an overloaded service throws thousands a second, and to take down each one's stack costs more than to refuse. */
const OVERLOADED = new CodedError("OVERLOADED", "too many submissions in flight");
const FLOW_OVERLOADED = new CodedError("OVERLOADED", "too many submissions of one client in flight");

interface FlowUse {
  requests: number;
  bytes: number;
}

const newUse = (): FlowUse => ({ requests: 0, bytes: 0 });
const isIdle = ({ requests }: FlowUse): boolean => requests === 0;

interface Waiter {
  readonly bytes: number;
  readonly flow: FlowUse | null;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export interface Submission<T> {
  readonly requestId: number;
  readonly answer: Promise<T>;
}

export class Submissions {
  readonly #limits: SubmissionLimits;
  readonly #waiting: Slots<Waiter>;
  readonly #onIdle: (() => void)[] = [];
  readonly #flows = new FlowTable<FlowUse>(newUse, isIdle);
  #bytes = 0;
  #isClosed = false;

  constructor(limits: SubmissionLimits) {
    this.#limits = limits;
    // A lone request is admitted in any case.
    this.#waiting = new Slots(Math.max(1, limits.requestsMax));
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
    if (isFull && this.#waiting.size > 0) throw OVERLOADED;
    const use = flow === null ? null : this.#flows.of(flow);
    if (use !== null) this.#takeShare(use, bytes);
    let requestId = 0;
    const answer = new Promise<T>((resolve, reject) => {
      requestId = this.#waiting.add({ bytes, flow: use, resolve: resolve as (answer: unknown) => void, reject });
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

  #takeShare(flow: FlowUse, bytes: number): void {
    const freeRequests = this.#limits.requestsMax - this.#waiting.size;
    const freeBytes = this.#limits.bytesMax - this.#bytes;
    const isOver = flow.requests >= FREE_SHARES_MAX * freeRequests || flow.bytes + bytes > FREE_SHARES_MAX * freeBytes;
    // The first one of a flow is always its share.
    if (isOver && flow.requests > 0) throw FLOW_OVERLOADED;
    flow.requests += 1;
    flow.bytes += bytes;
  }

  #take(requestId: number): Waiter {
    const waiter = this.#waiting.take(requestId);
    assert(waiter !== undefined, `request ${requestId} was answered twice or never asked`);
    this.#bytes -= waiter.bytes;
    if (waiter.flow !== null) giveShareBack(waiter.flow, waiter.bytes);
    if (this.#waiting.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    return waiter;
  }
}

function giveShareBack(flow: FlowUse, bytes: number): void {
  flow.requests -= 1;
  flow.bytes -= bytes;
}
