/**
 * STARK verification in threads of its own, at a lower priority than the signature workers: neither they nor the lane wait
 * for a proof. Bounds: `threads` verifications run, `queueMax` wait, both hold `bytesMax` of proofs; what is beyond is
 * refused at once (a lone proof is taken whatever its size), whoever waits longer than `deadlineMs` is told so. A verification itself is bounded by construction (sizes are pinned before use), so a thread is
 * never ended in the middle of one.
 */
import { Piscina } from "piscina";
import { workerPath } from "../base/asset-paths.js";
import { CodedError } from "../base/errors.js";
import type { Statement } from "../stark/statement.js";
import type { Acceptance, Verdict } from "../stark/verify.js";

export interface StarkTask {
  readonly proof: Uint8Array;
  readonly statement: Statement;
  readonly acceptance: Acceptance;
}

export interface StarkOutcome {
  readonly verdict: Verdict;
  /** Milliseconds in the worker. */
  readonly workMs: number;
}

export interface StarkVerifierOptions {
  readonly threads: number;
  readonly queueMax: number;
  readonly bytesMax: number;
  readonly deadlineMs: number;
  readonly acceptance: Acceptance;
  onVerified(outcome: StarkOutcome): void;
}

/** Added to the threads' nice value where the platform has one. */
const NICE_INCREMENT = 5;

export class StarkVerifier implements AsyncDisposable {
  readonly #options: StarkVerifierOptions;
  readonly #pool: Piscina;
  /** Every thread has loaded its modules. Node aborts the process when one is ended before that. */
  readonly loaded: Promise<unknown>;
  #open = 0;
  #bytes = 0;

  constructor(options: StarkVerifierOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: workerPath("stark-verify"),
      minThreads: options.threads,
      maxThreads: options.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      niceIncrement: NICE_INCREMENT,
    });
    this.loaded = Promise.allSettled(Array.from({ length: options.threads }, () => this.#pool.run(null)));
  }

  /** Verifications running or waiting. */
  get open(): number {
    return this.#open;
  }

  /** Rejects with SERVICE_UNAVAILABLE beyond the bounds, TIMEOUT after the deadline. */
  async verify(proof: Uint8Array, statement: Statement): Promise<StarkOutcome> {
    const { threads, queueMax, bytesMax, deadlineMs, acceptance, onVerified } = this.#options;
    const isTooMuch = this.#open > 0 && this.#bytes + proof.length > bytesMax;
    if (this.#open >= threads + queueMax || isTooMuch) {
      throw new CodedError("SERVICE_UNAVAILABLE", "STARK verifier is busy, try again later");
    }
    const work = this.#run({ proof, statement, acceptance });
    const outcome = await withDeadline(work, deadlineMs);
    onVerified(outcome);
    return outcome;
  }

  /** The place is given back when the work is done, however long its caller waited. */
  async #run(task: StarkTask): Promise<StarkOutcome> {
    this.#open += 1;
    this.#bytes += task.proof.length;
    try {
      return (await this.#pool.run(task)) as StarkOutcome;
    } finally {
      this.#open -= 1;
      this.#bytes -= task.proof.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loaded;
    await this.#pool.destroy();
  }
}

async function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CodedError("TIMEOUT", "STARK proof verification timed out")), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
