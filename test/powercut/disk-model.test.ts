/** What the disk of the power cuts takes to be durable: too much hides a loss, too little reports one that never was. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DiskModel } from "./disk-model.js";

const root = mkdtempSync(join(tmpdir(), "sequencer-disk-model-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const path = join(root, "log-wal");
const FILE = 7;
const [WRITER, CHECKPOINTER] = [1, 2];

type Step = readonly [kind: string, at: number, text?: string];

const created: Step = ["C", 0, path];
const begins = (thread: number): Step => ["S", thread, path];
const succeeds = (thread: number): Step => ["E", thread];

/** What of the file survives any cut after these steps. */
function durable(...steps: readonly Step[]): string {
  const disk = new DiskModel(root);
  [created, ...steps].forEach(([kind, at, text = ""], sequence) => {
    disk.apply({ kind, file: FILE, at, bytes: Buffer.from(text) }, sequence);
  });
  return disk.files[0]!.content.toString();
}

it("keeps what was written before a flush that has returned, and nothing later", () => {
  expect(durable(["W", 0, "one"], begins(WRITER))).toBe("");
  expect(durable(["W", 0, "one"], begins(WRITER), ["W", 3, "two"], succeeds(WRITER))).toBe("one");
});

it("tells flushes of one file that run at a time apart", () => {
  const both: Step[] = [begins(CHECKPOINTER), ["W", 0, "one"], begins(WRITER)];
  expect(durable(...both, succeeds(WRITER))).toBe("one");
  expect(durable(...both, succeeds(CHECKPOINTER))).toBe("");
  expect(durable(...both, succeeds(WRITER), ["W", 3, "two"], succeeds(CHECKPOINTER))).toBe("one");
});

it("does not wait for a flush that failed or whose process was killed", () => {
  expect(durable(begins(CHECKPOINTER), ["W", 0, "one"], begins(WRITER), succeeds(WRITER))).toBe("one");
  expect(durable(begins(WRITER), ["W", 0, "one"], begins(WRITER), succeeds(WRITER))).toBe("one");
});

it("keeps a name once its folder was flushed", () => {
  const disk = new DiskModel(root);
  const folder = join(root, "data");
  const records: Step[] = [["D", 0, folder], ["S", WRITER, root], ["C", 0, path], succeeds(WRITER)];
  records.forEach(([kind, at, text = ""], sequence) => {
    disk.apply({ kind, file: FILE, at, bytes: Buffer.from(text) }, sequence);
  });
  expect([...disk.names.keys()]).toEqual([folder]);
});
