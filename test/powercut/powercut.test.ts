/**
 * Power cuts: a real run is recorded below the file system's calls, and the disk is put into states that losing power may
 * have left. The real store opens each, the real verify-log proves it, and whatever anybody was told before the cut is in
 * it, byte for byte. `POWERCUTS=2500` for the campaign.
 */
import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { checkSame } from "../support/log-check.js";
import { type Edit, plantBuild } from "../support/planted-build.js";
import { TEST_SEED } from "../support/seed.js";
import { TestService } from "../support/service.js";
import { Subscriber } from "../support/subscriber.js";
import { checkState } from "./check-state.js";
import { type DiskState, RecordedRun } from "./recorded-run.js";
import { Recorder } from "./recorder.js";
import { WORKLOADS } from "./workloads.js";

const POWERCUTS = Number(process.env.POWERCUTS ?? 150);
/** Of so many states one is given to the real service, which goes on from there. */
const SERVED_EVERY = 30;

/** The states are many and live for milliseconds; the recorded runs are on a real disk, whose flushes take their time. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const base = mkdtempSync(join(tmpdir(), "sequencer-powercut-"));
const states = mkdtempSync(join(memory, "sequencer-powercut-"));
const clearUp = (): void => {
  for (const folder of [base, states]) rmSync(folder, { recursive: true, force: true });
};
afterAll(clearUp);
const recorder = Recorder.build(base);
// Of a file without tests nothing runs afterwards.
if (recorder === null) clearUp();

const CONNECTION = "src/store/sqlite/connection.js";

/** The same service, its commits not flushed one by one. */
const NORMAL: readonly Edit[] = [
  { file: CONNECTION, find: 'db.pragma("synchronous = FULL");', replace: 'db.pragma("synchronous = NORMAL");' },
  // It would notice by itself and not start.
  { file: CONNECTION, find: "const FULL = 2;", replace: "const FULL = 1;" },
];

describe.runIf(recorder !== null)("power cuts", () => {
  it.each(WORKLOADS)(
    "lose nothing: $name",
    async (workload) => {
      const run = await RecordedRun.make(workload, recorder!, newFolder());
      const counts = { states: 0, empty: 0, served: 0 };
      for (const state of run.states(Math.ceil(POWERCUTS / WORKLOADS.length), TEST_SEED, join(states, "disk"))) {
        const entries = await explain(state, () => checkState(state));
        counts.states += 1;
        if (entries === 0) counts.empty += 1;
        if (counts.states % SERVED_EVERY !== 0) continue;
        await explain(state, () => goOn(state));
        counts.served += 1;
      }
      const { records, told, frames } = run;
      const facts = { records: records.length, receiptsTold: told.receipts.length, entries: frames.length };
      console.log(`${workload.name} (seed ${TEST_SEED}): ${JSON.stringify({ ...counts, ...facts })}`);
    },
    3_600_000,
  );

  it("are noticed to lose what a build with synchronous=NORMAL has acknowledged", async () => {
    const folder = newFolder();
    const run = await RecordedRun.make(WORKLOADS[0]!, recorder!, folder, plantBuild(folder, NORMAL));
    expect(await firstLoss(run)).toMatch(/verify-log/);
  });
});

async function firstLoss(run: RecordedRun): Promise<string | null> {
  for (const state of run.states(50, TEST_SEED, join(states, "disk"))) {
    try {
      await checkState(state);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return null;
}

/** The real service starts on what is left and takes more, under the next numbers. */
async function goOn(state: DiskState): Promise<void> {
  const { folder, run } = state;
  const env = run.workload.env(join(folder, ".."));
  const service = new TestService(await ServerProcess.start({ folder, env }), folder, env);
  try {
    const before = await subscribed(service);
    checkSame(before, run.frames.slice(0, before.length));
    const agent = await service.agent();
    const answer = await agent.ingest([agent.sign(), agent.sign(), agent.sign()]);
    assert.equal(answer.status, 200, answer.text);
    const after = await subscribed(service);
    checkSame(after.slice(0, before.length), before);
    assert.equal(after.length, before.length + 3);
    assert.equal(await service.process.stop(), 0);
  } finally {
    await service.process[Symbol.asyncDispose]();
  }
  const options = { path: databasePath(folder), withSignatures: true, threads: 1, headMin: 0, onProgress: () => {} };
  assert.deepEqual((await auditLog(options)).findings, []);
}

/** The whole log as a subscriber gets it. */
async function subscribed(service: TestService): Promise<Buffer[]> {
  const { next_offset: entries } = (await service.get("/api/v1/head")).json;
  await using subscriber = await Subscriber.open(service);
  await subscriber.until(entries);
  return subscriber.frames;
}

async function explain<T>(state: DiskState, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    const { cut, cutAt, run } = state;
    throw new Error(`seed ${TEST_SEED}, cut before record ${cutAt} of ${run.records.length}, ${cut} kept`, {
      cause: error,
    });
  }
}

let folders = 0;

function newFolder(): string {
  const folder = join(base, String(folders++));
  mkdirSync(folder);
  return folder;
}
