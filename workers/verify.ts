/** Verify worker: `BatchVerifier` behind `VerifyThreads`. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.js";
import { BatchVerifier } from "../src/verify/batch-verifier.js";
import { serveVerifyTasks, type VerifyThreadData } from "../src/verify/verify-threads.js";

const { wakes, ...options } = workerData as VerifyThreadData;
const verifier = new BatchVerifier(options, systemClock);

// Not while this module is still being loaded.
setImmediate(() => serveVerifyTasks(parentPort!, wakes, (task) => verifier.verify(task)));
