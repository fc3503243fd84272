import { Worker } from "node:worker_threads";
import { workerPath } from "../../base/asset-paths.js";
import { threadError } from "../../base/errors.js";
import { WORKER_LIMITS } from "../../base/worker-limits.js";
import type { WalCheckpointMode, WalCheckpointWorkerData } from "./wal-checkpoint.js";

/** Runs checkpoints in their own thread until disposed. A thread that fails is reported, not restarted. */
export function startWalCheckpointer(
  workerData: WalCheckpointWorkerData,
  onCheckpoint: (mode: WalCheckpointMode) => void,
  onFailure: (error: Error) => void,
): AsyncDisposable {
  const worker = new Worker(workerPath("checkpoint"), {
    workerData,
    name: "checkpoint",
    resourceLimits: WORKER_LIMITS,
  });
  worker.on("message", onCheckpoint);
  worker.on("error", (error) => onFailure(threadError("checkpoint", error)));
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  return {
    async [Symbol.asyncDispose]() {
      worker.postMessage("stop");
      await exited;
    },
  };
}
