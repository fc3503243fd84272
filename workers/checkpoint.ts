/** Checkpoint thread: looks at the WAL now and then until it is told to stop. */
import { parentPort, workerData } from "node:worker_threads";
import { type CheckpointWorkerData, checkpointIfDue } from "../src/store/sqlite/checkpoint.js";
import { openCheckpointer } from "../src/store/sqlite/connection.js";

const { folder, policy } = workerData as CheckpointWorkerData;
const db = openCheckpointer(folder);
let timer = setTimeout(look, policy.intervalMs);

function look(): void {
  const startedMs = performance.now();
  const mode = checkpointIfDue(db, folder, policy);
  if (mode !== "none") parentPort!.postMessage(mode);
  // A restart holds the lane back, also while it waits for readers: it gets at most a fifth of the time.
  const restMs = mode === "restart" ? 4 * (performance.now() - startedMs) : 0;
  timer = setTimeout(look, Math.max(policy.intervalMs, restMs));
}

parentPort!.once("message", () => {
  clearTimeout(timer);
  db.close();
  parentPort!.close();
});
