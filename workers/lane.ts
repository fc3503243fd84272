/**
 * The lane's thread: the only writer. While one chunk is being flushed the next one gathers in the port; so an idle
 * service commits single requests at once and a busy one commits many together, without a timer.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.js";
import { crashPoint } from "../src/base/crash-point.js";
import type { LaneContext } from "../src/lane/chunk.js";
import { commitChunk } from "../src/lane/commit-chunk.js";
import { cutChunk } from "../src/lane/cut-chunk.js";
import type { LaneItem } from "../src/lane/lane-item.js";
import { encodeChunk, type FromLane, type LaneWorkerData, type ToLane } from "../src/lane/lane-message.js";
import { openLaneStore } from "../src/store/sqlite/open-lane-store.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";
import { unpackVerifiedRequests } from "../src/verify/verified-request.js";

const port = parentPort!;
const options = workerData as LaneWorkerData;
const keyEpoch = new Int32Array(options.keyEpoch);
const ed25519 = selectEd25519();
const sequencer = { sequencerId: options.sequencerId, publicKey: ed25519.publicKey(options.signingSeed) };
const { store, head } = openLaneStore({ ...options, sequencer, nowMs: systemClock.nowMs() });

const queue: LaneItem[] = [];
let isRunning = false;
let isStopping = false;

port.on("message", (message: ToLane) => {
  take(message);
  if (!isRunning) void run();
});
post({ kind: "ready", head }, []);

/** A rejection here (a failed flush, a failed assertion) ends the thread, and with it the process: memory is ahead of disk. */
async function run(): Promise<void> {
  isRunning = true;
  for (drain(); queue.length > 0; drain()) {
    const items = cutChunk(queue, options.chunkEventsMax);
    const outcome = await commitChunk(store, items, context());
    // Before the answers go out: whoever hears of a revocation can rely on it.
    if (outcome.hasRevocations) {
      crashPoint("revocation.committed");
      Atomics.add(keyEpoch, 0, 1);
      crashPoint("revocation.epoch-raised");
    }
    const { message, transfer } = encodeChunk(items, outcome);
    post(message, transfer);
    crashPoint("lane.answered");
  }
  isRunning = false;
  if (!isStopping) return;
  await store[Symbol.asyncDispose]();
  port.close();
}

function context(): LaneContext {
  return {
    nowMs: systemClock.nowMs(),
    sequencer,
    sign: (receiptHash) => ed25519.sign(receiptHash, options.signingSeed),
    keyEpoch: Atomics.load(keyEpoch, 0),
  };
}

/** Takes everything that arrived during the last flush, without going back to the event loop. */
function drain(): void {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    take(next.message as ToLane);
  }
}

function take(message: ToLane): void {
  if (message.kind === "stop") isStopping = true;
  else if (message.kind === "command") queue.push(message.command);
  else for (const request of unpackVerifiedRequests(message.packed)) queue.push({ kind: "ingest", request });
}

function post(message: FromLane, transfer: ArrayBuffer[]): void {
  port.postMessage(message, transfer);
}
