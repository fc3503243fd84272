/** A reader in the way of a checkpoint: from the bound on, the write-ahead log is made to start over, however long that takes. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { databasePath, openWalCheckpointer, openWriter } from "../../../src/store/sqlite/connection.js";
import { checkpointIfDue } from "../../../src/store/sqlite/wal-checkpoint.js";
import { WriterPause } from "../../../src/store/sqlite/writer-pause.js";

/** Asked, it reads in a transaction that it ends a moment later, while the asker may be blocked. */
const READER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const db = new (require(workerData.sqlite))(workerData.path, { readonly: true });
  parentPort.on("message", () => {
    db.exec("BEGIN");
    db.prepare("SELECT count(*) FROM t").get();
    parentPort.postMessage("reading");
    setTimeout(() => db.exec("COMMIT"), 300);
  });
`;
/** Begins and ends transactions until it is told to stop. */
const WRITER = `
  const { workerData } = require("node:worker_threads");
  const counts = new Int32Array(workerData.counts);
  import(workerData.pausePath).then(({ WriterPause }) => {
    const pause = new WriterPause(workerData.buffer);
    while (Atomics.load(counts, 2) === 0) {
      pause.begin();
      Atomics.store(counts, 0, 1);
      for (let i = 0; i < 100; i++) Atomics.load(counts, 0);
      Atomics.store(counts, 0, 0);
      Atomics.add(counts, 1, 1);
      pause.end();
    }
  });
`;
/** One transaction, which ends a while after the checkpointer has asked and, most likely, fallen asleep. */
const SLOW_WRITER = `
  const { workerData } = require("node:worker_threads");
  const counts = new Int32Array(workerData.counts);
  const wanted = () => Atomics.load(new Int32Array(workerData.buffer), 1) === 1;
  import(workerData.pausePath).then(({ WriterPause }) => {
    const pause = new WriterPause(workerData.buffer);
    pause.begin();
    Atomics.store(counts, 0, 1);
    while (!wanted());
    Atomics.wait(counts, 2, 0, 100);
    pause.end();
  });
`;
/** Cells of what these writers tell. */
const [WRITING, DONE, STOP] = [0, 1, 2];
const HOLDS = 2_000;
const ROWS = 500;
const ATTEMPTS_MAX = 20;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sequencer-checkpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("waits for a reader and lets the next commit begin the log anew", async () => {
  const writer = openWriter(folder);
  writer.pragma("synchronous = OFF");
  writer.exec("CREATE TABLE t (a BLOB)");
  const insert = writer.prepare("INSERT INTO t VALUES (randomblob(3000))");
  const path = databasePath(folder);
  const sqlite = createRequire(import.meta.url).resolve("better-sqlite3");
  const reader = new Worker(READER, { eval: true, workerData: { path, sqlite } });
  // Longer than the service's own: what is tested is what happens when the reader does end.
  const checkpointer = new Database(path, { timeout: 30_000 });
  const frames = () => (checkpointer.pragma("wal_checkpoint(PASSIVE)") as { log: number }[])[0]!.log;
  let mode = "";
  // A machine so busy that the reader is through before the checkpoint begins gets another chance.
  for (let attempt = 0; mode !== "restart" && attempt < ATTEMPTS_MAX; attempt++) {
    insert.run();
    reader.postMessage("read");
    await once(reader, "message");
    for (let row = 0; row < ROWS; row++) insert.run();
    ({ mode } = checkpointIfDue(checkpointer, folder, { walBytesTarget: 1, walBytesMax: 1, intervalMs: 1 }));
  }
  expect(mode).toBe("restart");
  insert.run();
  expect(frames()).toBeLessThan(ROWS);
  await reader.terminate();
  checkpointer.close();
  writer.close();
});

it("does nothing below the target", () => {
  const writer = openWriter(folder);
  writer.exec("CREATE TABLE t (a BLOB)");
  const policy = { walBytesTarget: 1 << 20, walBytesMax: 1 << 20, intervalMs: 1 };
  expect(checkpointIfDue(writer, folder, policy)).toEqual({ mode: "none", heldMs: 0 });
  writer.close();
});

it("makes the log start over from the bound on, also when all of it was moved: a busy writer adds to it meanwhile", () => {
  const writer = openWriter(folder);
  writer.pragma("synchronous = OFF");
  writer.exec("CREATE TABLE t (a BLOB)");
  const insert = writer.prepare("INSERT INTO t VALUES (randomblob(3000))");
  const checkpointer = openWalCheckpointer(folder);
  const policy = { walBytesTarget: 1, walBytesMax: 1 << 20, intervalMs: 1 };
  insert.run();
  expect(checkpointIfDue(checkpointer, folder, policy).mode).toBe("passive");
  for (let row = 0; row < ROWS; row++) insert.run();
  expect(checkpointIfDue(checkpointer, folder, policy).mode).toBe("restart");
  checkpointer.close();
  writer.close();
});

it("is let in between two transactions of the writer, and the writer after it, however often both ask", async () => {
  const { pause, counts, ended } = startWriter(WRITER);
  // The writer alone counts up the first cell, to and fro within each of its transactions.
  while (Atomics.load(counts, DONE) === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let hold = 0; hold < HOLDS; hold++) {
    expect(pause.hold(5_000)).toBe(true);
    const before = Atomics.load(counts, DONE);
    for (let look = 0; look < 20; look++) expect(Atomics.load(counts, WRITING)).toBe(0);
    expect(Atomics.load(counts, DONE)).toBe(before);
    pause.release();
  }
  Atomics.store(counts, STOP, 1);
  await ended;
  expect(Atomics.load(counts, DONE)).toBeGreaterThan(1);
});

it("is woken by the end of the transaction that kept it waiting", async () => {
  const { pause, counts, ended } = startWriter(SLOW_WRITER);
  while (Atomics.load(counts, WRITING) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(pause.hold(5_000)).toBe(true);
  await ended;
});

it("gives up on a writer that does not end its transaction, and lets it go on", () => {
  const pause = new WriterPause(WriterPause.allocate());
  pause.begin();
  expect(pause.hold(5)).toBe(false);
  pause.end();
  pause.begin();
  pause.end();
  expect(pause.hold(5)).toBe(true);
});

/** Runs a writer on a thread of its own; `pause` is the checkpointer's end, `counts` the cells. */
function startWriter(code: string): { pause: WriterPause; counts: Int32Array; ended: Promise<unknown> } {
  const buffer = WriterPause.allocate();
  const counts = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const pausePath = new URL("../../../dist/src/store/sqlite/writer-pause.js", import.meta.url).href;
  const writer = new Worker(code, { eval: true, workerData: { pausePath, buffer, counts: counts.buffer } });
  return { pause: new WriterPause(buffer), counts, ended: once(writer, "exit") };
}
