import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../../src/cli/server-process.js";
import { SequencerClient } from "../../src/client/sequencer-client.js";
import { Ledger, sendBatch, signBatch } from "../support/load.js";
import { checkAcknowledged, checkOrder } from "../support/log-check.js";
import { expectProblem } from "../support/problem.js";
import { runMain } from "../support/run-main.js";
import { startService, TestService } from "../support/service.js";
import { parseFrame, readLog, refusedSubscription, Subscriber } from "../support/subscriber.js";

const base = mkdtempSync(join(tmpdir(), "sequencer-backup-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const KEYS = ["receipt-signing.key", "sequencer.id"];

/** A service on a folder that `restore` made, with the keys an operator puts back. */
async function startRestored(folder: string, from: TestService, keys = KEYS): Promise<TestService> {
  for (const name of keys) copyFileSync(join(from.folder, name), join(folder, name));
  const env = { BOOTSTRAP_ADMIN_API_KEY: from.adminKey };
  return new TestService(await ServerProcess.start({ folder, env }), folder, env);
}

async function succeeds(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runMain(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("backup and restore", () => {
  it("copies a log under load; the restored one has every receipt up to there and tells old cursors", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const ledger = new Ledger();
    let isOver = false;
    const writing = (async () => {
      while (!isOver) ledger.add(await sendBatch(service, signBatch(agent, 20)));
    })();
    const known = async (count: number) => {
      while (ledger.receipts.size < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await known(300);
    const file = join(base, "under-load.backup");
    const before = new Map(ledger.receipts);
    await succeeds("backup", file, "--data-dir", service.folder);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await known(ledger.receipts.size + 200);
    isOver = true;
    await writing;
    const original = await readLog(service);

    await succeeds("verify-log", "--db", file, "--min-head", String(before.size));
    const folder = join(base, "restored");
    await succeeds("restore", file, "--data-dir", folder);
    await using restored = await startRestored(folder, service);
    const frames = await readLog(restored);
    checkOrder(frames);
    checkAcknowledged(frames, before);
    expect(frames.length).toBeLessThan(original.length);
    expect(frames.map(String)).toEqual(original.slice(0, frames.length).map(String));

    const { log_id, epoch } = (await service.get("/api/v1/head")).json;
    expect((await restored.get("/api/v1/head")).json).toMatchObject({ log_id, epoch: epoch + 1 });
    const old = `from_offset=5&log_id=${log_id}&epoch=${epoch}`;
    expectProblem(await restored.get(`/api/v1/log?${old}`), "LOG_MISMATCH");
    expectProblem(await refusedSubscription(restored, old), "LOG_MISMATCH");
    const client = new SequencerClient({ url: restored.url, apiKey: restored.adminKey });
    const resumed = client.subscribe({ fromOffset: 5, log: { logId: log_id, epoch } });
    await expect(resumed[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "LOG_MISMATCH" });

    // Numbers after the backup go to other events now: under another epoch, never silently.
    const anew = await sendBatch(restored, signBatch(agent, 1));
    const reused = parseFrame(original[frames.length]!);
    expect(anew.json.receipts[0].sequenceNumber).toBe(reused.sequence_number);
    expect(anew.json.receipts[0].eventId).not.toBe(reused.event.event_id);
    await using subscriber = await Subscriber.open(restored, `from_offset=${frames.length}&epoch=${epoch + 1}`);
    await subscriber.until(1);
  });

  it("goes on under a new identity without the old keys; old receipts stay what they were", async () => {
    await using service = await startService();
    const agent = await service.agent();
    await sendBatch(service, signBatch(agent, 3));
    const file = join(base, "without-keys.backup");
    await succeeds("backup", file, "--data-dir", service.folder);
    const folder = join(base, "without-keys");
    await succeeds("restore", file, "--data-dir", folder);
    expect(readdirSync(folder).sort()).toEqual(["lock.db", "sequencer.db"]);
    await using restored = await startRestored(folder, service, []);
    await sendBatch(restored, signBatch(agent, 1));
    const frames = (await readLog(restored)).map(String);
    expect(frames.slice(0, 3)).toEqual((await readLog(service)).map(String));
    const ids = frames.map((frame) => parseFrame(Buffer.from(frame)).receipt.sequencerId);
    expect(new Set(ids).size).toBe(2);
    await succeeds("verify-log", "--data-dir", folder);
  });

  it("refuses what would destroy something", async () => {
    await using service = await startService();
    await sendBatch(service, signBatch(await service.agent(), 3));
    const file = join(base, "refusals.backup");
    await succeeds("backup", file, "--data-dir", service.folder);
    const REFUSALS: [args: string[], code: number, stderr: RegExp][] = [
      [["backup", file, "--data-dir", service.folder], 2, /exists: give --force/],
      [["backup"], 2, /FILE is missing/],
      [["backup", join(base, "x"), "--data-dir", join(base, "nowhere")], 2, /there is no log/],
      [["backup", join(base, "no", "folder"), "--data-dir", service.folder], 1, /nothing was written/],
      [["restore", file, "--data-dir", service.folder], 75, /in use by another process/],
      [["restore", file, "--data-dir", service.folder, "--force"], 75, /in use by another process/],
      [["restore", file], 2, /--data-dir is missing/],
      [["restore", join(base, "nothing"), "--data-dir", join(base, "n")], 2, /there is no/],
      [["restore", file, "--data-dir", base], 2, /is not empty/],
      [["restore", import.meta.filename, "--data-dir", join(base, "not-a-backup")], 1, /not a database/],
    ];
    for (const [args, code, stderr] of REFUSALS) {
      const ended = await runMain(args);
      expect(ended.stderr).toMatch(stderr);
      expect(ended.code).toBe(code);
    }
    await succeeds("backup", file, "--data-dir", service.folder, "--force");
    expect(readdirSync(base).filter((name) => name.includes(".part"))).toEqual([]);
  });

  it("takes none of the service's own names in its folder", async () => {
    await using service = await startService();
    await sendBatch(service, signBatch(await service.agent(), 3));
    for (const name of [
      "sequencer.db",
      "sequencer.db-wal",
      "sequencer.db.restoring",
      "tlog.db",
      "lock.db",
      "admin.key",
    ]) {
      const ended = await runMain(["backup", join(service.folder, name), "--data-dir", service.folder, "--force"]);
      expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining("one of the service's own files") });
    }
    await succeeds("backup", join(service.folder, "copy.backup"), "--data-dir", service.folder);
    await succeeds("verify-log", "--data-dir", service.folder, "--min-head", "3");
  });

  it("lets backups of one file overlap, and clears up after those cut short", async () => {
    await using service = await startService();
    const agent = await service.agent();
    for (let i = 0; i < 20; i++) await sendBatch(service, signBatch(agent, 50));
    const folder = join(base, "overlapping");
    mkdirSync(folder);
    const file = join(folder, "log.backup");
    // No process has this number: Linux gives out none above 2^22.
    writeFileSync(`${file}.part-99999999-00000000`, "cut short");
    const again = ["backup", file, "--data-dir", service.folder, "--force"];
    await Promise.all(Array.from({ length: 4 }, () => succeeds(...again)));
    expect(readdirSync(folder)).toEqual(["log.backup"]);
    await succeeds("verify-log", "--db", file, "--min-head", "1000");
  });

  it("never gives two restores of one backup the same epoch in one folder, and keeps what it replaces", async () => {
    await using service = await startService();
    await sendBatch(service, signBatch(await service.agent(), 3));
    const file = join(base, "twice.backup");
    await succeeds("backup", file, "--data-dir", service.folder);
    const folder = join(base, "twice");
    expect(await succeeds("restore", file, "--data-dir", folder)).toMatch(
      /now epoch 2\nkeys that were revoked .* good again/,
    );
    expect(await succeeds("restore", file, "--data-dir", folder, "--force")).toMatch(/now epoch 3$/m);
    expect(await succeeds("restore", file, "--data-dir", folder, "--force", "--epoch", "9")).toMatch(/now epoch 9$/m);
    expect(readdirSync(folder).filter((name) => name.startsWith("replaced-"))).toHaveLength(2);

    writeFileSync(join(folder, "sequencer.db"), "not a database any more");
    const blind = await runMain(["restore", file, "--data-dir", folder, "--force"]);
    expect(blind).toMatchObject({ code: 2, stderr: expect.stringMatching(/give --epoch, above the last one/) });
    await succeeds("restore", file, "--data-dir", folder, "--force", "--epoch", "10");
  });

  it("does not start on a restore that was cut short", async () => {
    await using service = await startService();
    await sendBatch(service, signBatch(await service.agent(), 3));
    const file = join(base, "cut.backup");
    await succeeds("backup", file, "--data-dir", service.folder);
    const folder = join(base, "cut");
    mkdirSync(folder);
    copyFileSync(file, join(folder, "sequencer.db.restoring"));
    await expect(ServerProcess.start({ folder })).rejects.toThrow(/cut short: run it again with --force/);
    expect(existsSync(join(folder, "sequencer.db"))).toBe(false);
    await succeeds("restore", file, "--data-dir", folder, "--force");
    await using _started = await startRestored(folder, service);
  });
});
