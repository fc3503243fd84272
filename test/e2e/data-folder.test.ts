/** A data folder in hands that mean well: files deleted, moved or replaced, while the service runs and while it does not. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../../src/cli/server-process.js";
import { untilCheckpoint } from "../support/checkpoint.js";
import { Ledger, sendBatch, signBatch } from "../support/load.js";
import { checkAcknowledged, checkOrder } from "../support/log-check.js";
import { runMain } from "../support/run-main.js";
import { startService, TestService } from "../support/service.js";
import { makeReadOnly, mountSmallDisk, unmountSmallDisk } from "../support/small-disk.js";
import { readLog } from "../support/subscriber.js";

const base = mkdtempSync(join(tmpdir(), "sequencer-folder-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Long enough that a test ends before the next look at the files. */
const NEVER_LOOKS = { CHECKPOINT_INTERVAL_MS: "60000" };

async function expectSound(folder: string): Promise<void> {
  const { code, stderr } = await runMain(["verify-log", "--data-dir", folder]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

/** A refused start: its exit code and what it says. */
async function refusedStart(folder: string): Promise<string> {
  const { code, stderr } = await runMain([], { DATA_DIR: folder, BOOTSTRAP_ADMIN_API_KEY: `ss_${"a".repeat(40)}` });
  expect(code).toBe(70);
  return stderr;
}

describe("a file of the data folder, gone while the service runs", () => {
  it.each(["sequencer.db", "sequencer.db-wal", "sequencer.db-shm", "lock.db"])(
    "%s: the service ends with all it has acknowledged on disk",
    async (name) => {
      await using service = await startService();
      const ledger = new Ledger();
      const agent = await service.agent();
      for (let i = 0; i < 5; i++) ledger.add(await sendBatch(service, signBatch(agent, 20)));
      const [path, moved] = [join(service.folder, name), join(base, name)];
      if (name === "sequencer.db") renameSync(path, moved);
      else rmSync(path);
      expect(await service.process.exited).toBe(70);
      expect(service.process.lines.join("\n")).toContain(`${path} was deleted, moved or replaced`);
      if (name === "sequencer.db") renameSync(moved, path);
      await service.startAgain();
      const frames = await readLog(service);
      checkOrder(frames);
      checkAcknowledged(frames, ledger.receipts);
      await expectSound(service.folder);
    },
  );

  it("two services on one folder, its lock deleted: no event is sequenced twice", async () => {
    await using first = await startService(NEVER_LOOKS);
    const agent = await first.agent();
    rmSync(join(first.folder, "lock.db"));
    const env = { ...NEVER_LOOKS, BOOTSTRAP_ADMIN_API_KEY: first.adminKey };
    await using second = await ServerProcess.start({ folder: first.folder, env });
    const other = new TestService(second, first.folder, env);
    const batch = signBatch(agent, 3);
    expect((await sendBatch(first, batch)).status).toBe(200);
    await expect(sendBatch(other, batch)).rejects.toThrow("fetch failed");
    expect(await second.exited).toBe(70);
    expect(second.lines.join("\n")).toContain("another process has written to this log");
    await first.crashAndRestart();
    expect((await sendBatch(first, batch)).json).toMatchObject({ eventsAccepted: 0, headSequence: 3 });
    await expectSound(first.folder);
  });
});

describe("a file of the data folder, gone while the service is stopped", () => {
  it("founds no second log over the write-ahead log of one, nor where checkpoints of one were signed", async () => {
    await using service = await startService();
    const ledger = new Ledger();
    ledger.add(await sendBatch(service, signBatch(await service.agent(), 50)));
    await untilCheckpoint(service);
    const backup = join(base, "before.backup");
    expect((await runMain(["backup", backup, "--data-dir", service.folder])).code).toBe(0);
    await service.process.kill();
    const { folder } = service;
    const [path, wal] = [join(folder, "sequencer.db"), join(folder, "sequencer.db-wal")];
    const bytes = readFileSync(wal);

    renameSync(path, join(base, "moved.db"));
    expect(await refusedStart(folder)).toContain(`${wal} holds entries that belong to it`);
    writeFileSync(path, "");
    expect(await refusedStart(folder)).toContain("is missing or empty");
    expect(readFileSync(wal).equals(bytes)).toBe(true);
    rmSync(path);
    const blind = await runMain(["restore", backup, "--data-dir", folder, "--force"]);
    expect(blind).toMatchObject({ code: 2, stderr: expect.stringContaining("give --epoch, above the last one") });

    renameSync(wal, join(base, "moved.db-wal"));
    expect(await refusedStart(folder)).toContain("has signed checkpoints of a log, but");

    renameSync(join(base, "moved.db"), path);
    renameSync(join(base, "moved.db-wal"), wal);
    await service.startAgain();
    checkAcknowledged(await readLog(service), ledger.receipts);
  });
});

describe("what stands in a database's place", () => {
  it("is refused by its name, and left as it is", async () => {
    const others: [name: string, make: (path: string) => void, message: RegExp][] = [
      ["directory", (path) => mkdirSync(path), /sequencer\.db cannot be used: unable to open/],
      ["text", (path) => writeFileSync(path, "no database ".repeat(1000)), /sequencer\.db cannot be used: file is not/],
      ["tables", (path) => makeDatabase(path, "CREATE TABLE users (id INTEGER)"), /database of another program/],
      [
        "migrations",
        (path) => makeDatabase(path, "CREATE TABLE schema_migrations (version TEXT)"),
        /database of another program/,
      ],
    ];
    for (const [name, make, message] of others) {
      mkdirSync(join(base, name));
      const path = join(base, name, "sequencer.db");
      make(path);
      const before = contentOf(path);
      expect(await refusedStart(join(base, name))).toMatch(message);
      expect(contentOf(path)).toBe(before);
    }
  });
});

describe("a read-only disk", () => {
  it("is no damage: verify-log asks for a copy, and reads a backup", async ({ skip, onTestFinished }) => {
    const mount = mountSmallDisk(join(base, "disk"), 8 << 20);
    if (mount === null) return skip();
    onTestFinished(() => unmountSmallDisk(mount));
    const data = join(mount, "data");
    await using service = await ServerProcess.start({ folder: data });
    const backup = join(mount, "log.backup");
    expect((await runMain(["backup", backup, "--data-dir", data])).code).toBe(0);
    expect(await service.stop()).toBe(0);
    makeReadOnly(mount);
    const { code, stderr } = await runMain(["verify-log", "--data-dir", data]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("cannot be read here") });
    expect((await runMain(["verify-log", "--db", backup])).code).toBe(0);
  });
});

function makeDatabase(path: string, sql: string): void {
  new Database(path).exec(sql).close();
}

function contentOf(path: string): string {
  return statSync(path).isDirectory() ? "a directory" : readFileSync(path, "hex");
}
