/** Checkpoint thread: looks at the WAL now and then until it is told to stop. */
import { parentPort, workerData } from "node:worker_threads";
import { tellWhatEndsThread } from "../src/base/thread-errors.js";
import { openWalCheckpointer } from "../src/store/sqlite/connection.js";
import { OpenFiles } from "../src/store/sqlite/open-files.js";
import { checkpointIfDue, endWithout, type WalCheckpointWorkerData } from "../src/store/sqlite/wal-checkpoint.js";
import { WriterPause } from "../src/store/sqlite/writer-pause.js";

tellWhatEndsThread("checkpoint");
const { folder, policy, writerPause } = workerData as WalCheckpointWorkerData;
const pause = new WriterPause(writerPause);
const db = openWalCheckpointer(folder);
const files = new OpenFiles(folder);
let timer = setTimeout(look, policy.intervalMs);

function look(): void {
  const lost = files.lost();
  if (lost !== null) endWithout(lost, db, pause);
  const { mode, heldMs } = checkpointIfDue(db, folder, policy, pause);
  if (mode !== "none") parentPort!.postMessage(mode);
  // The lane may be held back, also by readers that a restart waits for, for at most a fifth of the time.
  timer = setTimeout(look, Math.max(policy.intervalMs, 4 * heldMs));
}

parentPort!.once("message", () => {
  clearTimeout(timer);
  db.close();
  parentPort!.close();
});
