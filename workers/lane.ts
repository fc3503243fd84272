/** The lane's thread: its port, its store and its key for `LaneLoop`, which says what happens. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../src/base/clock.js";
import { tellWhatEndsThread } from "../src/base/thread-errors.js";
import { LaneLoop } from "../src/lane/lane-loop.js";
import type { FromLane, LaneWorkerData, ToLane } from "../src/lane/lane-message.js";
import { LeafRing } from "../src/store/leaf-ring.js";
import { PageRing } from "../src/store/page-ring.js";
import type { MigrateOptions } from "../src/store/sqlite/migrate.js";
import { openLaneStore } from "../src/store/sqlite/open-lane-store.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";

tellWhatEndsThread("lane");
const port = parentPort!;
const options = workerData as LaneWorkerData;
const ed25519 = selectEd25519();
const sequencer = { sequencerId: options.sequencerId, publicKey: ed25519.publicKey(options.signingSeed) };
const upgrade: MigrateOptions = {
  sliceEntries: options.upgradeSliceEntries,
  onUpgrade: (step) => port.postMessage({ kind: "upgrade", step } satisfies FromLane),
};
const { store, ...found } = openLaneStore({ ...options, sequencer, nowMs: systemClock.nowMs(), upgrade });

const lane = new LaneLoop({
  store,
  sequencer,
  sign: (receiptHash) => ed25519.sign(receiptHash, options.signingSeed),
  clock: systemClock,
  keyEpoch: new Int32Array(options.keyEpoch),
  chunkEventsMax: options.chunkEventsMax,
  pages: new PageRing(options.pageRing),
  ...(options.leafRing === null ? {} : { leaves: new LeafRing(options.leafRing) }),
  port: {
    receive: () => receiveMessageOnPort(port)?.message as ToLane | undefined,
    post: (message, transfer) => port.postMessage(message, transfer),
    close: () => port.close(),
  },
});

// Not awaited: a rejection ends the thread.
port.on("message", (message: ToLane) => void lane.wake(message));
port.postMessage({ kind: "ready", found } satisfies FromLane);
