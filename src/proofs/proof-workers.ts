/**
 * Threads of their own for what a proof costs: reading its submission (130 KB of base64 in JSON, and more) and verifying
 * its STARK. They run at the lowest priority, so neither signatures nor the lane nor the main thread wait for a proof.
 * Bounds: `threads` tasks run; at most `threads + queueMax` proofs of together `bytesMax` have a place, what is beyond is
 * refused at once (a lone proof is taken whatever its size); whoever waits longer than `deadlineMs` is told so. A
 * verification itself is bounded by construction (sizes are pinned before use), so no thread is ended in the middle of one.
 */
import { Piscina } from "piscina";
import { workerPath } from "../base/asset-paths.js";
import { CodedError } from "../base/errors.js";
import { WORKER_LIMITS } from "../base/worker-limits.js";
import type { Statement } from "../stark/statement.js";
import type { Acceptance, Verdict } from "../stark/verify.js";
import type { ReadOutcome, Submission, SubmissionForm } from "./submission.js";

export type ProofTask =
  | { readonly kind: "load" }
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

export interface ProofWorkersOptions {
  readonly threads: number;
  readonly queueMax: number;
  readonly bytesMax: number;
  readonly deadlineMs: number;
  readonly acceptance: Acceptance;
  onVerified(outcome: StarkOutcome): void;
}

export class ProofWorkers implements AsyncDisposable {
  readonly #options: ProofWorkersOptions;
  readonly #pool: Piscina;
  /** Every thread has loaded its modules. Node aborts the process when one is ended before that. */
  readonly loaded: Promise<unknown>;
  #open = 0;
  #bytes = 0;

  constructor(options: ProofWorkersOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: workerPath("proof"),
      minThreads: options.threads,
      maxThreads: options.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      resourceLimits: WORKER_LIMITS,
    });
    const load: ProofTask = { kind: "load" };
    this.loaded = Promise.allSettled(Array.from({ length: options.threads }, () => this.#pool.run(load)));
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
   * INVALID_FIELD_VALUE, or with TIMEOUT after the place's deadline.
   */
  async read(place: ProofPlace, form: SubmissionForm, body: Uint8Array): Promise<Submission> {
    // Bytes that share their buffer with others are copied, not moved.
    const transferList = body.byteLength === body.buffer.byteLength ? [body.buffer as ArrayBuffer] : [];
    const outcome = (await place.run(() => this.#run({ kind: "read", form, body }, transferList))) as ReadOutcome;
    if ("submission" in outcome) return outcome.submission;
    const { code, message, pointer } = outcome.refused;
    throw new CodedError(code, message, pointer === null ? {} : { pointer });
  }

  /** Rejects with TIMEOUT after the place's deadline. */
  async verify(place: ProofPlace, proof: Uint8Array, statement: Statement): Promise<StarkOutcome> {
    const { acceptance, onVerified } = this.#options;
    const outcome = (await place.run(() =>
      this.#run({ kind: "verify", proof, statement, acceptance }),
    )) as StarkOutcome;
    onVerified(outcome);
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loaded;
    await this.#pool.destroy();
  }

  #run(task: ProofTask, transferList: ArrayBuffer[] = []): Promise<unknown> {
    return this.#pool.run(task, { transferList });
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
