/**
 * Power cuts during a restore over a log whose last entries are in the write-ahead log only: the old log is in place, or
 * whole in the folder it is kept in, or the service refuses to start and the same restore run again puts that right.
 */
import { strict as assert } from "node:assert";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { backUp, restore } from "../../src/store/sqlite/backup.js";
import { databasePath, openReaderOf, openWriter, restoringPath } from "../../src/store/sqlite/connection.js";
import { seededRandom } from "../support/load.js";
import { checkSame } from "../support/log-check.js";
import { makeLog } from "../support/log-maker.js";
import { runMain } from "../support/run-main.js";
import { TEST_SEED } from "../support/seed.js";
import { readFrames } from "./check-state.js";
import { DiskModel } from "./disk-model.js";
import { CUTS, cutPower } from "./power-cut.js";
import { Recorder } from "./recorder.js";

const POWERCUTS = Number(process.env.POWERCUTS ?? 150);

/** Nothing here is about the time a flush takes. */
const base = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "sequencer-powercut-"));
/** Nothing may be executed from memory in a container. */
const built = mkdtempSync(join(tmpdir(), "sequencer-powercut-"));
const clearUp = (): void => {
  for (const folder of [base, built]) rmSync(folder, { recursive: true, force: true });
};
afterAll(clearUp);
const recorder = Recorder.build(built)?.into(base) ?? null;
// Of a file without tests nothing runs afterwards.
if (recorder === null) clearUp();

const KEPT = 20;
const WRITTEN = 40;

it.runIf(recorder !== null)(
  `keeps the log that a restore replaces (seed ${TEST_SEED})`,
  async () => {
    const { root, env } = recorder!;
    const { data, copy } = { data: join(root, "data"), copy: join(root, "copy.db") };
    const frames = await makeDisk(root);
    const disk = new DiskModel(root);
    expect((await runMain(["restore", copy, "--data-dir", data, "--force"], env)).code).toBe(0);
    const records = recorder!.read();
    const random = seededRandom(TEST_SEED);
    const target = join(base, "state");
    const found = { old: 0, restored: 0, again: 0 };
    // The interesting instants are few: one cut per record at least.
    const count = Math.max(Math.ceil(POWERCUTS / 5), records.length);
    let applied = 0;
    for (let number = 0; number < count; number++) {
      const cutAt = Math.floor(((number + random()) / count) * (records.length + 1));
      for (; applied < cutAt; applied++) disk.apply(records[applied]!, applied);
      const cut = CUTS[number % CUTS.length]!;
      cutPower(disk, cut, random, target);
      try {
        found[checkState(target, frames)] += 1;
      } catch (error) {
        throw new Error(`cut before record ${cutAt} of ${records.length}, ${cut} kept`, { cause: error });
      }
    }
    console.log(`${count} power cuts during a restore (seed ${TEST_SEED}): ${JSON.stringify(found)}`);
  },
  3_600_000,
);

/** A backup and, in `data`, the log it was made of, grown since: what was added is in the write-ahead log. */
async function makeDisk(root: string): Promise<Buffer[]> {
  const live = join(base, "live");
  const data = join(root, "data");
  for (const folder of [live, data]) mkdirSync(folder);
  await makeLog(live, KEPT);
  backUp(live, join(root, "copy.db"), false);
  await makeLog(live, WRITTEN - KEPT, 0, () => {
    for (const name of ["sequencer.db", "sequencer.db-wal"]) copyFileSync(join(live, name), join(data, name));
  });
  return framesOf(databasePath(live));
}

/** What an operator finds and does after the cut. */
function checkState(target: string, frames: readonly Buffer[]): "old" | "restored" | "again" {
  const folder = join(target, "data");
  const isCutShort = existsSync(restoringPath(folder));
  if (isCutShort) {
    assert.throws(() => openWriter(folder), /cut short/);
    restore({ file: join(target, "copy.db"), folder, isForced: true, epochMin: 0, nowText: "again" });
  }
  const inPlace = framesOf(databasePath(folder));
  if (inPlace.length === frames.length) {
    checkSame(inPlace, frames);
    return "old";
  }
  checkSame(inPlace, frames.slice(0, KEPT));
  const aside = readdirSync(folder).filter((name) => name.startsWith("replaced-"));
  const isWhole = aside.some((name) => {
    const path = join(folder, name, "sequencer.db");
    return existsSync(path) && framesOf(path).length === frames.length;
  });
  assert.ok(isWhole, `the old log is in none of ${aside.join(", ")}`);
  return isCutShort ? "again" : "restored";
}

function framesOf(path: string): Buffer[] {
  const db = openReaderOf(path);
  try {
    return readFrames(db);
  } finally {
    db.close();
  }
}
