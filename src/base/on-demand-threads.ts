/**
 * Worker threads that exist while there is work for them: an idle one costs 9 to 15 MB. A task that finds all of them busy
 * starts another, up to `threadsMax`; one without a task for `idleMs` ends. A thread that fails, while it loads or later,
 * takes its own task along and no other, and the next task starts a new one. (A Piscina pool that starts at no threads leaves
 * its tasks without an answer when a thread fails to load.)
 * Bound: `threadsMax` threads; how many tasks wait is the caller's to bound.
 */
import { Worker } from "node:worker_threads";
import { CodedError, threadError } from "./errors.js";
import type { ThreadStarts } from "./thread-starts.js";
import type { FromThread } from "./thread-tasks.js";
import { WORKER_LIMITS } from "./worker-limits.js";

export interface OnDemandThreadsOptions {
  readonly name: string;
  /** A compiled file that ends in `answerTasks`. */
  readonly path: string;
  readonly workerData?: unknown;
  readonly threadsMax: number;
  readonly idleMs: number;
  readonly starts: ThreadStarts;
  /** A thread could not be started or ended by itself; its task was rejected. */
  onFailure(error: Error): void;
}

interface Job<Task> {
  readonly task: Task;
  readonly transfer: readonly ArrayBuffer[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class OnDemandThreads<Task> implements AsyncDisposable {
  readonly #options: OnDemandThreadsOptions;
  readonly #threads = new Set<Thread<Task>>();
  readonly #waiting: Job<Task>[] = [];
  #isEnding = false;

  constructor(options: OnDemandThreadsOptions) {
    this.#options = options;
  }

  /** Threads there are, those that are ending included. */
  get size(): number {
    return this.#threads.size;
  }

  /**
   * Rejects with what the task throws, with SERVICE_UNAVAILABLE when its thread cannot be started or fails, and with
   * SHUTTING_DOWN when these threads are disposed of.
   */
  run(task: Task, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#isEnding) return Promise.reject(shuttingDown());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, transfer, resolve, reject });
      this.#assign();
    });
  }

  /** Ends the threads, also in the middle of a task, but none that is still loading. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    for (const { reject } of this.#waiting.splice(0)) reject(shuttingDown());
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const usable = [...this.#threads].filter((thread) => !thread.isEnding);
      const idle = usable.find((thread) => thread.isIdle);
      if (idle === undefined && usable.length >= this.#options.threadsMax) return;
      const job = this.#waiting.shift()!;
      try {
        (idle ?? this.#start()).begin(job);
      } catch (error) {
        // No thread could be had, or the task cannot be sent.
        this.#fail(error, job);
      }
    }
  }

  #start(): Thread<Task> {
    const thread = new Thread<Task>(this.#options, {
      onIdle: () => this.#assign(),
      onExit: (error, job) => {
        this.#threads.delete(thread);
        if (error !== null) this.#fail(error, job);
        else job?.reject(shuttingDown());
        this.#assign();
      },
    });
    this.#threads.add(thread);
    this.#options.starts.add(thread.loaded);
    return thread;
  }

  #fail(thrown: unknown, job: Job<Task> | null): void {
    const { name, onFailure } = this.#options;
    onFailure(threadError(name, thrown));
    job?.reject(new CodedError("SERVICE_UNAVAILABLE", `the ${name} thread failed, try again later`));
  }
}

interface ThreadEvents<Task> {
  onIdle(): void;
  /** `error` is null when the thread was ended; `job` is what it had not answered. */
  onExit(error: unknown, job: Job<Task> | null): void;
}

class Thread<Task> {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #idleMs: number;
  readonly #events: ThreadEvents<Task>;
  /** Resolves when the thread has loaded or is gone. */
  readonly loaded: Promise<void>;
  #job: Job<Task> | null = null;
  #idleTimer: NodeJS.Timeout | undefined;
  #error: unknown = null;
  #isEnding = false;

  /** Throws when the system has no thread to give. */
  constructor({ name, path, workerData, idleMs }: OnDemandThreadsOptions, events: ThreadEvents<Task>) {
    const worker = new Worker(path, { workerData, name, resourceLimits: WORKER_LIMITS });
    this.#worker = worker;
    this.#idleMs = idleMs;
    this.#events = events;
    this.loaded = new Promise((resolve) => {
      worker.once("message", () => resolve());
      worker.once("exit", () => resolve());
    });
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", (message: FromThread) => this.#take(message));
    worker.on("error", (error) => {
      this.#error = error;
    });
    worker.once("exit", (code) => this.#gone(code));
  }

  get isIdle(): boolean {
    return this.#job === null && !this.#isEnding;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Throws when the task cannot be sent; the thread is idle then. */
  begin(job: Job<Task>): void {
    this.#worker.postMessage(job.task, job.transfer);
    clearTimeout(this.#idleTimer);
    this.#job = job;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#idleTimer);
    await this.loaded;
    await this.#worker.terminate();
    await this.#exited;
  }

  #take(message: FromThread): void {
    if (message.kind === "loaded") return;
    const job = this.#job!;
    this.#job = null;
    if (message.kind === "done") job.resolve(message.value);
    else job.reject(message.error);
    this.#idleTimer = setTimeout(() => void this.end(), this.#idleMs).unref();
    this.#events.onIdle();
  }

  #gone(code: number): void {
    clearTimeout(this.#idleTimer);
    const error = this.#isEnding ? null : (this.#error ?? new Error(`it ended with code ${code}`));
    this.#events.onExit(error, this.#job);
    this.#job = null;
  }
}

function shuttingDown(): CodedError {
  return new CodedError("SHUTTING_DOWN", "the service is shutting down");
}
