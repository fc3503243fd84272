/**
 * Feeds ingest requests to the verify workers in packed batches: one request when idle, many when busy, never one task
 * per event. Handing a task over costs as much as verifying an event, so while a short task runs another worker is woken
 * only for work that is worth it. Flows take turns.
 * Bounds: submissions in flight (Submissions), tasks = threads, and no task starts while the lane's queue is full.
 */
import { assert } from "../base/assert.js";
import { CodedError } from "../base/errors.js";
import { FairQueue } from "../base/fair-queue.js";
import type { Submissions } from "../base/submissions.js";
import type { AgentKeyRef } from "../store/contract.js";
import type { KeyDirectory, KeyRecord } from "./key-directory.js";
import type { IngestForm, IngestRequest } from "./verify-request.js";
import { packRequests, type VerifyResult, type VerifyWorkerData } from "./verify-task.js";
import { type VerifyPool, VerifyThreads } from "./verify-threads.js";

/** A task takes requests until it holds this many body bytes or requests: 5 to 10 ms of signatures. */
const TASK_BYTES_MAX = 256 * 1024;
const TASK_REQUESTS_MAX = 256;

/** Body bytes worth a worker of their own: 0.4 to 0.8 ms of signatures. Less waits for a task that ends as soon. */
const TASK_BYTES_MIN = 16 * 1024;

/** Body bytes a flow may send in its turn: what others wait for it, 2 to 4 ms of signatures. */
const TURN_BYTES = 64 * 1024;

interface PendingRequest extends IngestRequest {
  readonly keys: readonly KeyRecord[];
  readonly flow: string;
}

const NO_KEYS: readonly KeyRecord[] = [];

interface PendingBatch {
  readonly requests: readonly PendingRequest[];
  /** Of their bodies together. */
  readonly bytes: number;
}

/** Where verified requests go on: the lane. */
export interface VerifiedSink {
  hasRoom(): boolean;
  submit(form: IngestForm, packed: Uint8Array<ArrayBuffer>, events: number): void;
}

export interface VerifierOptions {
  readonly worker: VerifyWorkerData;
  readonly threads: number;
  readonly keys: KeyDirectory;
  readonly lane: VerifiedSink;
  readonly submissions: Submissions;
  /** A worker failed on a batch, whose requests were answered with INTERNAL_ERROR, or without one. */
  onFailure(error: unknown): void;
  onTask(result: VerifyResult): void;
}

export class Verifier implements AsyncDisposable {
  readonly #options: VerifierOptions;
  readonly #pool: VerifyPool;
  readonly #pending = new FairQueue<PendingRequest>(TURN_BYTES);
  #tasks = 0;
  /** Those of at most TASK_BYTES_MIN. */
  #shortTasks = 0;

  constructor(options: VerifierOptions, pool?: VerifyPool) {
    this.#options = options;
    this.#pool = pool ?? new VerifyThreads(options.worker, options.threads, (error) => options.onFailure(error));
  }

  /** See `VerifyPool`. */
  get loaded(): Promise<unknown> {
    return this.#pool.loaded;
  }

  /** Takes an admitted request; its submission gets the answer. `flow`: with whom it takes turns. */
  verify(request: IngestRequest, flow: string): void {
    const { form, requestId, batchId, scope, by, body } = request;
    // Member by member: a spread takes the engine's slow path here, 1.5 KB of garbage and 2 µs per request (measured).
    const pending = { form, requestId, batchId, scope, by, body, keys: NO_KEYS, flow };
    this.#pending.push(flow, pending, body.length);
    this.pump();
  }

  /** Starts tasks while there is work, a free worker and room in the lane. */
  pump(): void {
    const { threads, lane } = this.#options;
    while (this.#pending.size > 0 && this.#tasks < threads && lane.hasRoom()) {
      if (this.#shortTasks > 0 && this.#pending.cost < TASK_BYTES_MIN) return;
      void this.#run(this.#takeBatch());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  /** A worker's share, not the whole backlog: what the one that frees up first leaves is there for the next. */
  #takeBatch(): PendingBatch {
    const share = Math.max(TASK_BYTES_MIN, Math.ceil(this.#pending.cost / this.#options.threads));
    const bytesMax = Math.min(share, TASK_BYTES_MAX);
    const requests: PendingRequest[] = [];
    let bytes = 0;
    for (let next = this.#pending.peek(); next !== undefined; next = this.#pending.peek()) {
      const isFull = bytes + next.body.length > bytesMax || requests.length === TASK_REQUESTS_MAX;
      if (isFull && requests.length > 0) break;
      bytes += next.body.length;
      requests.push(next);
      this.#pending.shift();
    }
    return { requests, bytes };
  }

  async #run({ requests, bytes }: PendingBatch): Promise<void> {
    const short = bytes <= TASK_BYTES_MIN ? 1 : 0;
    this.#tasks += 1;
    this.#shortTasks += short;
    try {
      const { packed, scopes } = packRequests(requests);
      const keys = requests.flatMap((request) => request.keys);
      this.#deliver(requests, await this.#pool.run({ packed, scopes, keys }));
    } catch (error) {
      this.#options.onFailure(error);
      const failure = new CodedError("INTERNAL_ERROR", "Internal server error");
      for (const { requestId } of requests) this.#options.submissions.refuse(requestId, failure);
    } finally {
      this.#tasks -= 1;
      this.#shortTasks -= short;
      this.pump();
    }
  }

  #deliver(batch: readonly PendingRequest[], result: VerifyResult): void {
    const { lane, submissions, onTask } = this.#options;
    onTask(result);
    if (result.verified.length > 0) lane.submit("ves", result.verified, result.verifiedEvents);
    if (result.legacy !== null) lane.submit("legacy", result.legacy, result.legacyEvents);
    for (const { requestId, code, message, pointer } of result.refused) {
      submissions.refuse(requestId, new CodedError(code, message, pointer === null ? {} : { pointer }));
    }
    for (const { requestId, refs } of result.missing) {
      const request = batch.find((candidate) => candidate.requestId === requestId)!;
      void this.#retryWithKeys(request, refs);
    }
  }

  async #retryWithKeys(request: PendingRequest, refs: readonly AgentKeyRef[]): Promise<void> {
    const { keys, submissions, onFailure } = this.#options;
    try {
      assert(request.keys.length === 0, "keys that were asked for are used, whatever was revoked meanwhile");
      const found = await Promise.all(refs.map((ref) => keys.find(ref)));
      this.#pending.unshift(request.flow, { ...request, keys: found });
      this.pump();
    } catch (error) {
      if (!(error instanceof CodedError)) onFailure(error);
      submissions.refuse(request.requestId, error as Error);
    }
  }
}
