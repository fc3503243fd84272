import { expect, it } from "vitest";
import { packRequests, type VerifyTask, type VerifyWorkerData } from "../../../src/verify/verify-task.js";
import { VerifyThreads } from "../../../src/verify/verify-threads.js";

const WORKER: VerifyWorkerData = {
  limits: { eventsPerBatchMax: 10, eventPayloadBytesMax: 1000 },
  rules: { entityTypes: [], futureMsMax: 1000, isSchemaRequired: false },
  keyEpoch: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  keyCacheEntriesMax: 10,
};

/** A thread that failed without a task, where none should. */
const unexpected = (error: Error): never => {
  throw error;
};

const empty = (): VerifyTask => ({ ...packRequests([]), keys: [] });
/** A request whose scope is not there: no task the service makes looks like this. */
const broken = (): VerifyTask => ({ packed: new Uint8Array([0, 1, 2]), scopes: [], keys: [] });

it("answers every task of many at a time, each by its own thread, and ends", async () => {
  const threads = new VerifyThreads(WORKER, 3, unexpected);
  await threads.loaded;
  for (let round = 0; round < 200; round++) {
    const results = await Promise.all([threads.run(empty()), threads.run(empty()), threads.run(empty())]);
    for (const result of results) expect(result).toMatchObject({ verifiedEvents: 0, refused: [], missing: [] });
  }
  await threads[Symbol.asyncDispose]();
});

it("takes tasks before it has loaded", async () => {
  await using threads = new VerifyThreads(WORKER, 1, unexpected);
  expect((await threads.run(empty())).verifiedEvents).toBe(0);
});

it("rejects the task it fails on and goes on with the next", async () => {
  await using threads = new VerifyThreads(WORKER, 1, unexpected);
  for (let round = 0; round < 20; round++) {
    await expect(threads.run(broken())).rejects.toThrow();
    expect((await threads.run(empty())).verifiedEvents).toBe(0);
  }
});

it("tells at once of threads that cannot start, rejects their tasks, and ends all the same", async () => {
  const failures: Error[] = [];
  await using threads = new VerifyThreads({ ...WORKER, keyCacheEntriesMax: 0 }, 2, (error) => failures.push(error));
  await threads.loaded;
  expect(failures.map(({ message }) => message)).toEqual(Array(2).fill(expect.stringContaining("max")));
  for (let round = 0; round < 3; round++) await expect(threads.run(empty())).rejects.toThrow();
  expect(failures).toHaveLength(2);
});
