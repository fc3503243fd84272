/**
 * A beat that does not keep a processor busy: a thread of its own sleeps in the kernel between two beats. Timers of the
 * event loop are a millisecond coarse, which would be most of an idle latency.
 */
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { packageRoot } from "../../src/base/asset-paths.js";

interface Beats {
  /** Of the first beat, milliseconds since the epoch. */
  readonly startMs: number;
  readonly everyMs: number;
  readonly count: number;
}

/** Calls `onBeat` about `count` times, each as soon after its time as this thread is free; resolves after the last. */
export async function beat(beats: Beats, onBeat: () => void): Promise<void> {
  const worker = new Worker(join(packageRoot, "dist", "bench", "load", "ticker.js"), { workerData: beats });
  await new Promise<void>((resolve, reject) => {
    worker.on("message", onBeat);
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  });
}

/** The clock that threads share, milliseconds since the epoch with a fraction. */
export function sharedNowMs(): number {
  return performance.timeOrigin + performance.now();
}

if (!isMainThread && (workerData as Partial<Beats> | null)?.everyMs !== undefined) {
  const { startMs, everyMs, count } = workerData as Beats;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < count; i++) {
    const waitMs = startMs + i * everyMs - sharedNowMs();
    if (waitMs > 0) Atomics.wait(nobody, 0, 0, waitMs);
    parentPort!.postMessage(i);
  }
}
