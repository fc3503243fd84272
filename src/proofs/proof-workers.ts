/**
 * Threads of their own for what a proof costs: reading its submission (130 KB of base64 in JSON, and more) and verifying
 * its STARK. They run at the lowest priority, so neither signatures nor the lane nor the main thread wait for a proof.
 * They exist while there is work for them.
 * Bounds: `threads` tasks run; at most `threads + queueMax` proofs of together `bytesMax` have a place, what is beyond is
 * refused at once (a lone proof is taken whatever its size); whoever waits longer than `deadlineMs` is told so. A
 * verification itself is bounded by construction (sizes are pinned before use), so no thread is ended in the middle of one.
 */
import { workerPath } from "../base/asset-paths.js";
import { CodedError } from "../base/errors.js";
import { OnDemandThreads, type OnDemandThreadsOptions } from "../base/on-demand-threads.js";
import type { Statement } from "../stark/statement.js";
import type { Acceptance, Verdict } from "../stark/verify.js";
import type { ProofSubmission, ReadOutcome, SubmissionForm } from "./proof-submission.js";

export type ProofTask =
  | { readonly kind: "read"; readonly form: SubmissionForm; readonly body: Uint8Array }
  | {
      readonly kind: "verify";
      readonly proof: Uint8Array;
      readonly statement: Statement;
      readonly acceptance: Acceptance;
    };

export interface StarkOutcome {
  readonly verdict: Verdict;
  /** Milliseconds in the worker. */
  readonly workMs: number;
}

export interface ProofWorkersOptions extends Pick<OnDemandThreadsOptions, "idleMs" | "starts" | "onFailure"> {
  readonly threads: number;
  readonly queueMax: number;
  readonly bytesMax: number;
  readonly deadlineMs: number;
  readonly acceptance: Acceptance;
  onVerified(outcome: StarkOutcome): void;
}

export class ProofWorkers implements AsyncDisposable {
  readonly #options: ProofWorkersOptions;
  readonly #threads: OnDemandThreads<ProofTask>;
  #open = 0;
  #bytes = 0;

  constructor(options: ProofWorkersOptions) {
    this.#options = options;
    this.#threads = new OnDemandThreads({
      ...options,
      name: "proof",
      path: workerPath("proof"),
      threadsMax: options.threads,
    });
  }

  /** Proofs that have a place: running, waiting, or on their way to the store. */
  get open(): number {
    return this.#open;
  }

  /** A place for a proof that comes in `bytes`, until it is disposed. Throws SERVICE_UNAVAILABLE beyond the bounds. */
  admit(bytes: number): ProofPlace {
    const { threads, queueMax, bytesMax, deadlineMs } = this.#options;
    const isTooMuch = this.#open > 0 && this.#bytes + bytes > bytesMax;
    if (this.#open >= threads + queueMax || isTooMuch) {
      throw new CodedError("SERVICE_UNAVAILABLE", "STARK verifier is busy, try again later");
    }
    this.#open += 1;
    this.#bytes += bytes;
    return new ProofPlace(deadlineMs, () => {
      this.#open -= 1;
      this.#bytes -= bytes;
    });
  }

  /**
   * Reads a submission's body, whose bytes move to the worker. Rejects with INVALID_REQUEST_BODY, UNPROCESSABLE_BODY or
   * INVALID_FIELD_VALUE, with TIMEOUT after the place's deadline, with SERVICE_UNAVAILABLE when no thread can be had.
   */
  async read(place: ProofPlace, form: SubmissionForm, body: Uint8Array): Promise<ProofSubmission> {
    // Bytes that share their buffer with others are copied, not moved.
    const transferList = body.byteLength === body.buffer.byteLength ? [body.buffer as ArrayBuffer] : [];
    const task: ProofTask = { kind: "read", form, body };
    const outcome = (await place.run(() => this.#threads.run(task, transferList))) as ReadOutcome;
    if ("submission" in outcome) return outcome.submission;
    const { code, message, pointer } = outcome.refused;
    throw new CodedError(code, message, pointer === null ? {} : { pointer });
  }

  /** Rejects with TIMEOUT after the place's deadline, with SERVICE_UNAVAILABLE when no thread can be had. */
  async verify(place: ProofPlace, proof: Uint8Array, statement: Statement): Promise<StarkOutcome> {
    const { acceptance, onVerified } = this.#options;
    const task: ProofTask = { kind: "verify", proof, statement, acceptance };
    const outcome = (await place.run(() => this.#threads.run(task))) as StarkOutcome;
    onVerified(outcome);
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }
}

/** Given back when its holder and the work begun under it are done, however long the holder waited. */
export class ProofPlace implements Disposable {
  readonly #lateAtMs: number;
  readonly #release: () => void;
  #users = 1;
  #isLate = false;

  constructor(deadlineMs: number, release: () => void) {
    this.#lateAtMs = performance.now() + deadlineMs;
    this.#release = release;
  }

  /** Throws TIMEOUT once the deadline has passed. */
  checkDeadline(): void {
    this.#isLate ||= performance.now() >= this.#lateAtMs;
    if (this.#isLate) throw timedOut();
  }

  /** Rejects with TIMEOUT when the work is not done by the deadline; the work itself goes on. */
  async run<T>(begin: () => Promise<T>): Promise<T> {
    this.checkDeadline();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#isLate = true;
        reject(timedOut());
      }, this.#lateAtMs - performance.now());
    });
    this.#users += 1;
    const work = begin().finally(() => this.#leave());
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#leave();
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#release();
  }
}

function timedOut(): CodedError {
  return new CodedError("TIMEOUT", "STARK proof verification timed out");
}
