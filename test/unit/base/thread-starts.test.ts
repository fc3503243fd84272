import { EventEmitter, once } from "node:events";
import { expect, it } from "vitest";
import { ThreadStarts } from "../../../src/base/thread-starts.js";
import { packRequests } from "../../../src/verify/verify-task.js";
import { VerifyThreads } from "../../../src/verify/verify-threads.js";

/** A thread with these ends while it loads. */
const UNUSABLE = {
  limits: { eventsPerBatchMax: 10, eventPayloadBytesMax: 1000 },
  rules: { entityTypes: [], futureMsMax: 1000, isSchemaRequired: false },
  keyEpoch: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  keyCacheEntriesMax: 0,
};

it("waits for every thread that is loading, those that began meanwhile included", async () => {
  const starts = new ThreadStarts();
  await starts.settled();
  const first = new EventEmitter();
  const second = new EventEmitter();
  let loading = 2;
  for (const thread of [first, second]) thread.once("loaded", () => loading--);
  starts.add(once(first, "loaded"));
  const settled = starts.settled();
  starts.add(once(second, "loaded").then(() => Promise.reject(new Error("it is gone"))));
  first.emit("loaded");
  setImmediate(() => second.emit("loaded"));
  await settled;
  expect(loading).toBe(0);
});

it("waits for a thread that replaces one that died", async () => {
  await using threads = new VerifyThreads(UNUSABLE, 1, () => {});
  const starts = new ThreadStarts();
  starts.follow(() => threads.loaded);
  await starts.settled();
  for (let replacement = 0; replacement < 3; replacement++) {
    let isLoading = true;
    const task = threads.run({ ...packRequests([]), keys: [] }).catch(() => {
      isLoading = false;
    });
    await starts.settled();
    expect(isLoading).toBe(false);
    await task;
  }
});
