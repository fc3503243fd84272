/** A reader in the way of a checkpoint: from the bound on, the write-ahead log is made to start over, however long that takes. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkpointIfDue } from "../../../src/store/sqlite/checkpoint.js";
import { databasePath, openCheckpointer, openWriter } from "../../../src/store/sqlite/connection.js";

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
    mode = checkpointIfDue(checkpointer, folder, { walBytesTarget: 1, walBytesMax: 1, intervalMs: 1 });
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
  expect(checkpointIfDue(writer, folder, { walBytesTarget: 1 << 20, walBytesMax: 1 << 20, intervalMs: 1 })).toBe(
    "none",
  );
  writer.close();
});

it("makes the log start over from the bound on, also when all of it was moved: a busy writer adds to it meanwhile", () => {
  const writer = openWriter(folder);
  writer.pragma("synchronous = OFF");
  writer.exec("CREATE TABLE t (a BLOB)");
  const insert = writer.prepare("INSERT INTO t VALUES (randomblob(3000))");
  const checkpointer = openCheckpointer(folder);
  const policy = { walBytesTarget: 1, walBytesMax: 1 << 20, intervalMs: 1 };
  insert.run();
  expect(checkpointIfDue(checkpointer, folder, policy)).toBe("passive");
  for (let row = 0; row < ROWS; row++) insert.run();
  expect(checkpointIfDue(checkpointer, folder, policy)).toBe("restart");
  checkpointer.close();
  writer.close();
});
