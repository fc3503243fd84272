/**
 * The threads that verify, one task at a time each. A task is one message there and one back, its bytes moved; a thread
 * without work sleeps on a shared counter, which wakes it in a fifth of the time that an event loop takes. A thread that
 * dies takes its task with it, nobody else's, and is replaced.
 */
import { type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { assert } from "../base/assert.js";
import { workerPath } from "../base/asset-paths.js";
import { threadError } from "../base/errors.js";
import { lowerThreadPriority } from "../base/thread-tasks.js";
import { WORKER_LIMITS } from "../base/worker-limits.js";
import type { VerifyResult, VerifyTask, VerifyWorkerData } from "./verify-task.js";

/** Where tasks run: worker threads, or a simulation of them. */
export interface VerifyPool extends AsyncDisposable {
  /** Every thread has loaded its modules. Node aborts the process when one is ended before that. */
  readonly loaded: Promise<unknown>;
  /** Takes the task's bytes. Rejects when the thread fails on it. At most as many at a time as there are threads. */
  run(task: VerifyTask): Promise<VerifyResult>;
}

export interface VerifyThreadData extends VerifyWorkerData {
  /** Shared Int32: raised after each message to the thread. */
  readonly wakes: SharedArrayBuffer;
}

export type ToVerifyThread = { readonly kind: "task"; readonly task: VerifyTask } | { readonly kind: "stop" };

export type FromVerifyThread =
  | { readonly kind: "loaded" }
  | { readonly kind: "result"; readonly result: VerifyResult }
  | { readonly kind: "failed"; readonly error: unknown };

/**
 * The lane and the main thread come first: what they wait for, everybody waits for. At 2 refusals under overload took twice
 * as long; at 8 single events had the longer tail (measured).
 */
const NICE_INCREMENT = 5;

export class VerifyThreads implements VerifyPool {
  readonly #start: () => VerifyThread;
  readonly #threads: VerifyThread[];

  /** `onFailure`: a thread could not start, or died while it had no task; `run` tells of the others. */
  constructor(workerData: VerifyWorkerData, threads: number, onFailure: (error: Error) => void) {
    this.#start = () => new VerifyThread(workerData, onFailure);
    this.#threads = Array.from({ length: threads }, this.#start);
  }

  get loaded(): Promise<unknown> {
    return Promise.allSettled(this.#threads.map((thread) => thread.loaded));
  }

  run(task: VerifyTask): Promise<VerifyResult> {
    let at = this.#threads.findIndex((thread) => thread.isFree);
    if (at === -1) {
      at = this.#threads.findIndex((thread) => thread.isDead);
      assert(at !== -1, "more tasks than threads");
      this.#threads[at] = this.#start();
    }
    return this.#threads[at]!.run(task);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loaded;
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

interface RunningTask {
  resolve(result: VerifyResult): void;
  reject(error: unknown): void;
}

class VerifyThread {
  readonly loaded: Promise<void>;
  readonly #worker: Worker;
  readonly #wakes = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #exited: Promise<void>;
  #running: RunningTask | null = null;
  #isDead = false;
  #isStopped = false;

  constructor(workerData: VerifyWorkerData, onFailure: (error: Error) => void) {
    const data: VerifyThreadData = { ...workerData, wakes: this.#wakes.buffer as SharedArrayBuffer };
    const worker = new Worker(workerPath("verify"), {
      workerData: data,
      name: "verify",
      resourceLimits: WORKER_LIMITS,
    });
    this.#worker = worker;
    this.loaded = new Promise((resolve, reject) => {
      worker.on("message", (message: FromVerifyThread) => {
        if (message.kind === "loaded") resolve();
        else this.#settle(message);
      });
      worker.once("error", reject);
    });
    this.loaded.catch(() => {});
    const fail = (error: Error): void => {
      // An exit follows an error, and what was asked for.
      if (this.#isDead) return;
      const running = this.#die();
      if (running !== null) running.reject(error);
      else if (!this.#isStopped) onFailure(error);
    };
    worker.once("error", (error) => fail(threadError("verify", error)));
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        fail(new Error(`a verify thread ended with code ${code}`));
        resolve();
      });
    });
  }

  get isFree(): boolean {
    return this.#running === null && !this.#isDead;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  run(task: VerifyTask): Promise<VerifyResult> {
    return new Promise((resolve, reject) => {
      this.#running = { resolve, reject };
      this.#post({ kind: "task", task }, [task.packed.buffer as ArrayBuffer]);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (!this.#isDead) this.#post({ kind: "stop" }, []);
    await this.#exited;
  }

  #post(message: ToVerifyThread, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
    Atomics.add(this.#wakes, 0, 1);
    Atomics.notify(this.#wakes, 0);
  }

  #settle(message: Exclude<FromVerifyThread, { kind: "loaded" }>): void {
    const running = this.#running!;
    this.#running = null;
    if (message.kind === "result") running.resolve(message.result);
    else running.reject(message.error);
  }

  #die(): RunningTask | null {
    const running = this.#running;
    this.#running = null;
    this.#isDead = true;
    return running;
  }
}

/** The thread's side: answers tasks until it is told to stop. Blocks the thread: it has no other events. */
export function serveVerifyTasks(
  port: MessagePort,
  wakes: SharedArrayBuffer,
  verify: (task: VerifyTask) => VerifyResult,
): void {
  lowerThreadPriority(NICE_INCREMENT);
  const post = (message: FromVerifyThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  const seen = new Int32Array(wakes);
  post({ kind: "loaded" });
  for (;;) {
    const wake = Atomics.load(seen, 0);
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToVerifyThread;
      if (message.kind === "stop") {
        port.close();
        return;
      }
      try {
        const result = verify(message.task);
        const transfer = [result.verified.buffer];
        if (result.legacy !== null) transfer.push(result.legacy.buffer);
        post({ kind: "result", result }, transfer);
      } catch (error) {
        post({ kind: "failed", error });
      }
    }
    Atomics.wait(seen, 0, wake);
  }
}
