/** Threads that come with work and go without it: how many there are, what a failure costs, how they end. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { OnDemandThreads, type OnDemandThreadsOptions } from "../../../src/base/on-demand-threads.js";
import { ThreadStarts } from "../../../src/base/thread-starts.js";

interface Task {
  readonly kind: "name" | "wait" | "double" | "throw" | "exit";
  readonly gate?: Int32Array;
  readonly bytes?: Uint8Array;
}

const path = fileURLToPath(new URL("on-demand-worker.mjs", import.meta.url));
const NEVER_MS = 3_600_000;
const unavailable = { code: "SERVICE_UNAVAILABLE", message: "the test thread failed, try again later" };
const shuttingDown = { code: "SHUTTING_DOWN" };

interface Trial extends AsyncDisposable {
  readonly threads: OnDemandThreads<Task>;
  readonly starts: ThreadStarts;
  readonly failures: Error[];
}

function begin(options: Partial<OnDemandThreadsOptions> = {}): Trial {
  const failures: Error[] = [];
  const starts = new ThreadStarts();
  const threads = new OnDemandThreads<Task>({
    ...{ name: "test", path, workerData: {}, threadsMax: 1, idleMs: NEVER_MS, starts },
    onFailure: (error) => failures.push(error),
    ...options,
  });
  return { threads, starts, failures, [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose]() };
}

/** [0]: 1 = open; [1]: tasks that have come to it. */
function closedGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

function open(gate: Int32Array): void {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
}

describe("threads on demand", () => {
  it("start with the first task, do the next ones too, and end when there is none", async () => {
    await using trial = begin({ idleMs: 1 });
    const { threads, failures } = trial;
    expect(threads.size).toBe(0);
    const names = await Promise.all([threads.run({ kind: "name" }), threads.run({ kind: "name" })]);
    expect(names[1]).toBe(names[0]);
    await expect.poll(() => threads.size).toBe(0);
    expect(await threads.run({ kind: "name" })).not.toBe(names[0]);
    expect(failures).toEqual([]);
  });

  it("are as many as there are tasks at a time, up to the bound; what is beyond waits", async () => {
    await using trial = begin({ threadsMax: 2 });
    const { threads } = trial;
    const gate = closedGate();
    const waiting = [1, 2, 3].map(() => threads.run({ kind: "wait", gate }));
    await expect.poll(() => gate[1]).toBe(2);
    expect(threads.size).toBe(2);
    open(gate);
    const names = await Promise.all(waiting);
    expect(gate[1]).toBe(3);
    expect(new Set(names).size).toBe(2);
    expect(threads.size).toBe(2);
  });

  it("get moved bytes and move their own back", async () => {
    await using trial = begin();
    const bytes = new Uint8Array([1, 2]);
    expect(await trial.threads.run({ kind: "double", bytes }, [bytes.buffer])).toEqual(new Uint8Array([1, 2, 1, 2]));
    expect(bytes.byteLength).toBe(0);
  });

  it("survive a task that throws: it is rejected with its error", async () => {
    await using trial = begin();
    const { threads, failures } = trial;
    const name = await threads.run({ kind: "name" });
    await expect(threads.run({ kind: "throw" })).rejects.toThrow(new RangeError("out of range"));
    expect(await threads.run({ kind: "name" })).toBe(name);
    expect(failures).toEqual([]);
  });

  it("that fail to load are reported and answer every task that came; the next task starts another", async () => {
    const folder = mkdtempSync(join(tmpdir(), "on-demand-"));
    const needs = join(folder, "needed");
    try {
      await using trial = begin({ workerData: { needs } });
      const { threads, failures } = trial;
      const tasks = [1, 2, 3].map(() => threads.run({ kind: "name" }));
      for (const { status, ...rest } of await Promise.allSettled(tasks)) {
        expect([status, rest]).toMatchObject(["rejected", { reason: unavailable }]);
      }
      expect(failures.map(({ message }) => message)).toEqual(Array(3).fill("it is not there"));
      await expect.poll(() => threads.size).toBe(0);
      writeFileSync(needs, "");
      expect(await threads.run({ kind: "name" })).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("that cannot be found answer with the same code", async () => {
    await using trial = begin({ path: join(tmpdir(), "no-such-worker.mjs") });
    await expect(trial.threads.run({ kind: "name" })).rejects.toMatchObject(unavailable);
    expect(trial.failures.length).toBe(1);
  });

  it("that end in the middle of a task take this one along and no other", async () => {
    await using trial = begin();
    const { threads, failures } = trial;
    const [ended, next] = await Promise.allSettled([threads.run({ kind: "exit" }), threads.run({ kind: "name" })]);
    expect(ended).toMatchObject({ status: "rejected", reason: unavailable });
    expect(next.status).toBe("fulfilled");
    expect(failures.map(({ message }) => message)).toEqual(["it ended with code 3"]);
  });

  it("are not ended while they load", async () => {
    const trial = begin();
    const task = expect(trial.threads.run({ kind: "wait", gate: closedGate() })).rejects.toMatchObject(shuttingDown);
    let isLoaded = false;
    void trial.starts.settled().then(() => {
      isLoaded = true;
    });
    await trial[Symbol.asyncDispose]();
    expect(isLoaded).toBe(true);
    await task;
    expect(trial.failures).toEqual([]);
  });

  it("end in the middle of a task when they are disposed of; what waits and what comes later is refused", async () => {
    const trial = begin();
    const gate = closedGate();
    const tasks = [1, 2].map(() => trial.threads.run({ kind: "wait", gate }));
    const refused = tasks.map((task) => expect(task).rejects.toMatchObject(shuttingDown));
    await expect.poll(() => gate[1]).toBe(1);
    await trial[Symbol.asyncDispose]();
    await Promise.all(refused);
    expect(trial.threads.size).toBe(0);
    expect(trial.failures).toEqual([]);
    await expect(trial.threads.run({ kind: "name" })).rejects.toMatchObject(shuttingDown);
  });
});
