/** Checkpoint thread: looks at the WAL at a fixed interval until it is told to stop. */
import { parentPort, workerData } from "node:worker_threads";
import { type CheckpointWorkerData, checkpointIfDue } from "../src/store/sqlite/checkpoint.js";
import { openCheckpointer } from "../src/store/sqlite/connection.js";

const { folder, policy } = workerData as CheckpointWorkerData;
const db = openCheckpointer(folder);
const timer = setInterval(() => {
  const mode = checkpointIfDue(db, folder, policy);
  if (mode !== "none") parentPort!.postMessage(mode);
}, policy.intervalMs);

parentPort!.once("message", () => {
  clearInterval(timer);
  db.close();
  parentPort!.close();
});
