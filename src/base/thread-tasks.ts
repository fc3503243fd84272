/** The thread's end of `OnDemandThreads`: one task at a time, each with one answer. */
import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { errorToSend } from "./thread-errors.js";

export interface TaskResult {
  readonly value: unknown;
  /** Moved, not copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** `loaded` comes once, before all others. */
export type FromThread =
  | { readonly kind: "loaded" }
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown };

/** Called once, at the end of a worker's module. What `work` throws rejects its task; the thread goes on. */
export function answerTasks<Task>(work: (task: Task) => TaskResult): void {
  const post = (message: FromThread, transfer: readonly ArrayBuffer[] = []): void =>
    parentPort!.postMessage(message, transfer);
  parentPort!.on("message", (task: Task) => {
    try {
      const { value, transfer } = work(task);
      post({ kind: "done", value }, transfer);
    } catch (error) {
      post({ kind: "failed", error: errorToSend(error) });
    }
  });
  post({ kind: "loaded" });
}

const NICE_MAX = 19;

/**
 * This thread runs when others leave time. Called after its modules have loaded: who waits for that is not made to wait
 * longer. Only Linux has a priority per thread; elsewhere the call would slow the whole process down.
 */
export function lowerThreadPriority(niceIncrement: number): void {
  if (process.platform === "linux") setPriority(Math.min(NICE_MAX, getPriority() + niceIncrement));
}
