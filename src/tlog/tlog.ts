/**
 * The log's tree as the main thread holds it: the checkpoint to serve, and questions to the thread that keeps the tree.
 * Nothing of it holds up the log: a folder that may not sign, or a thread that failed, only leaves the tree's routes
 * without an answer. Bound: `questionsMax` questions under way, half of them for bundles; more are refused at once.
 */
import { Worker } from "node:worker_threads";
import { workerPath } from "../base/asset-paths.js";
import { CodedError, threadError } from "../base/errors.js";
import { WORKER_LIMITS } from "../base/worker-limits.js";
import type { FromTlog, SignedCheckpoint, TlogAnswers, TlogQuestion, TlogWorkerData, ToTlog } from "./tlog-message.js";

export interface TlogOptions {
  /** False = no thread: the tree's routes answer SERVICE_UNAVAILABLE. Switched on again, it takes up what it missed. */
  readonly isEnabled: boolean;
  readonly worker: TlogWorkerData;
  readonly questionsMax: number;
  /** A checkpoint covers entries for the first time: the oldest of them became durable `lagMs` ago. */
  onCheckpoint(lagMs: number): void;
  onWarning(reason: string): void;
  /** This folder may not sign, so no more checkpoints come until the next start: an operator must decide. */
  onRefused(reason: string): void;
  /** The thread ended by itself: no more checkpoints until the next start, which goes on from what it saved. */
  onFailure(error: Error): void;
}

interface Waiter {
  readonly kind: TlogQuestion["kind"];
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Durable chunks remembered for the lag; what comes when they are used up counts as part of the last one. */
const CHUNKS_MAX = 4096;

export class Tlog implements AsyncDisposable {
  readonly #worker: Worker | null;
  readonly #options: TlogOptions;
  readonly #exited: Promise<void>;
  readonly #waiters = new Map<number, Waiter>();
  /** How many of them wait for a bundle of entries. */
  #bundles = 0;
  /** Chunks no served checkpoint covers: where each ended and when it was durable. */
  #chunks: { nextOffset: number; atMs: number }[] = [];
  #checkpoint: SignedCheckpoint | null = null;
  #refusal: string | null = null;
  #lastId = 0;

  constructor(options: TlogOptions) {
    this.#options = options;
    this.#worker = options.isEnabled ? this.#start() : null;
    if (this.#worker === null) this.#end("switched off");
    const worker = this.#worker;
    this.#exited = worker === null ? Promise.resolve() : new Promise((resolve) => worker.once("exit", () => resolve()));
  }

  #start(): Worker {
    const { worker: workerData, onFailure } = this.#options;
    const worker = new Worker(workerPath("tlog"), { workerData, name: "tlog", resourceLimits: WORKER_LIMITS });
    worker.on("message", (message: FromTlog) => this.#take(message));
    worker.on("error", (error) => {
      this.#end("the tlog thread failed");
      onFailure(threadError("tlog", error));
    });
    return worker;
  }

  get origin(): string {
    return this.#options.worker.origin;
  }

  /** Leaves the served checkpoint covers. */
  get size(): number {
    return this.#checkpoint?.size ?? 0;
  }

  /** Age of the oldest durable entry that no served checkpoint covers, milliseconds; 0 when all are covered. */
  get lagMs(): number {
    const oldest = this.#chunks[0];
    return oldest === undefined ? 0 : performance.now() - oldest.atMs;
  }

  /** The newest checkpoint. Throws SERVICE_UNAVAILABLE while there is none and when none may be signed. */
  checkpoint(): SignedCheckpoint {
    if (this.#refusal !== null) throw new CodedError("SERVICE_UNAVAILABLE", "this log signs no checkpoints");
    if (this.#checkpoint === null) throw new CodedError("SERVICE_UNAVAILABLE", "there is no checkpoint yet");
    return this.#checkpoint;
  }

  /** Null where the signed tree does not reach. Throws OVERLOADED and SERVICE_UNAVAILABLE; rejects with the latter when the thread ends. */
  ask<K extends TlogQuestion["kind"]>(question: Extract<TlogQuestion, { kind: K }>): Promise<TlogAnswers[K] | null> {
    if (this.#refusal !== null) throw new CodedError("SERVICE_UNAVAILABLE", "this log signs no checkpoints");
    const { kind } = question;
    if (!this.#hasPlace(kind)) {
      throw new CodedError("OVERLOADED", "too many questions about the log's tree", { retryAfterSeconds: 1 });
    }
    const id = ++this.#lastId;
    if (kind === "entries") this.#bundles += 1;
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { kind, resolve: resolve as (answer: unknown) => void, reject });
      this.#post({ kind: "ask", id, question });
    });
  }

  /** Bundles, the longest to answer by far, leave half of the places to others. */
  #hasPlace(kind: TlogQuestion["kind"]): boolean {
    const { questionsMax } = this.#options;
    return this.#waiters.size < questionsMax && (kind !== "entries" || this.#bundles * 2 < questionsMax);
  }

  /** A chunk is durable up to `nextOffset`. */
  noteChunk(nextOffset: number): void {
    if (this.#worker === null) return;
    const last = this.#chunks.at(-1);
    if (this.#chunks.length >= CHUNKS_MAX) last!.nextOffset = nextOffset;
    else this.#chunks.push({ nextOffset, atMs: performance.now() });
  }

  /** Signs what is durable by now and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#post({ kind: "stop" });
    await this.#exited;
    this.#end("the service is shutting down");
  }

  #take(message: FromTlog): void {
    switch (message.kind) {
      case "checkpoint":
        this.#serve(message.checkpoint);
        break;
      case "answer":
        this.#answered(message.id, message.answer);
        break;
      case "warning":
        this.#options.onWarning(message.reason);
        break;
      case "refused":
        this.#end(message.reason);
        this.#options.onRefused(message.reason);
        break;
    }
  }

  #answered(id: number, answer: unknown): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    if (waiter.kind === "entries") this.#bundles -= 1;
    waiter.resolve(answer);
  }

  #serve(checkpoint: SignedCheckpoint): void {
    const oldest = this.#chunks[0];
    const covered = this.#chunks.findIndex(({ nextOffset }) => nextOffset > checkpoint.size);
    // A chunk that is covered in part still waits.
    if (covered !== 0) this.#chunks = covered < 0 ? [] : this.#chunks.slice(covered);
    this.#checkpoint = checkpoint;
    if (oldest !== undefined && covered !== 0) this.#options.onCheckpoint(performance.now() - oldest.atMs);
  }

  #end(reason: string): void {
    this.#refusal ??= reason;
    const error = new CodedError("SERVICE_UNAVAILABLE", "this log signs no checkpoints");
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }

  #post(message: ToTlog): void {
    this.#worker?.postMessage(message);
  }
}
