/**
 * The first start on a log of an older version, as an operator meets it: killed in the middle of its slices, on a disk that
 * fills up, and asked by probes meanwhile. Nothing is lost, it goes on, and the log ends as one that was written new.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { packageRoot } from "../../src/base/asset-paths.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { databasePath, openReaderOf } from "../../src/store/sqlite/connection.js";
import { makeLog } from "../support/log-maker.js";
import { setBackLog } from "../support/old-log.js";
import { ownPort } from "../support/own-port.js";
import { expectProblem } from "../support/problem.js";
import { runMain } from "../support/run-main.js";
import { TestService } from "../support/service.js";
import { mountSmallDisk, unmountSmallDisk } from "../support/small-disk.js";
import { readLog } from "../support/subscriber.js";

const ENTRIES = 600;
const SLICE_ENTRIES = 80;
const SLICES = Math.ceil(ENTRIES / SLICE_ENTRIES);
const OPTIONS = {
  ...{ UPGRADE_SLICE_ENTRIES: String(SLICE_ENTRIES), VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" },
  TLOG_ENABLED: "false",
};
/** Without one a start writes one that it made: there may be no room for it. */
const BOOTSTRAP_ADMIN_API_KEY = "ss_0123456789abcdef0123456789abcdef";
const DISK_BYTES = 4 << 20;

const base = mkdtempSync(join(tmpdir(), "sequencer-upgrade-"));
const old = join(base, "old.db");
const mount = mountSmallDisk(join(base, "disk"), DISK_BYTES);
/** Every entry as the log it was made in sends it. */
let frames: string[];

const start = async (folder: string, env = {}): Promise<TestService> =>
  new TestService(await ServerProcess.start({ folder, env: { ...OPTIONS, ...env } }), folder, OPTIONS);
const framesOf = async (service: TestService) => (await readLog(service)).map((frame) => frame.toString());
const findings = async (path: string) =>
  (await auditLog({ path, withSignatures: true, threads: 1, headMin: ENTRIES, onProgress: () => {} })).findings;

/** A data folder with the old log in it. */
function oldFolder(folder = mkdtempSync(join(base, "data-"))): string {
  mkdirSync(folder, { recursive: true });
  copyFileSync(old, databasePath(folder));
  return folder;
}

/** Rows of the tables of places, and what the entries say they are. */
function places(path: string): { found: unknown[]; expected: unknown[] } {
  const db = openReaderOf(path);
  const all = (...sql: string[]) => sql.map((each) => db.prepare(each).raw().all());
  const found = all(
    "SELECT * FROM places_by_id ORDER BY event_id",
    "SELECT * FROM places_by_number ORDER BY stream_ref, kind, sequence_number",
  );
  const expected = all(
    `SELECT event_id, "offset" FROM entries ORDER BY event_id`,
    `SELECT stream_ref, kind, sequence_number, "offset" FROM entries ORDER BY stream_ref, kind, sequence_number`,
  );
  db.close();
  return { found, expected };
}

async function expectUpgraded(folder: string): Promise<void> {
  await using service = (await start(folder)).process;
  expect(await framesOf(new TestService(service, folder, OPTIONS))).toEqual(frames);
  expect(await service.stop()).toBe(0);
  expect(await findings(databasePath(folder))).toEqual([]);
  const { found, expected } = places(databasePath(folder));
  expect(found).toEqual(expected);
}

beforeAll(async () => {
  const folder = join(base, "new");
  mkdirSync(folder);
  await makeLog(folder, ENTRIES);
  const service = await start(folder);
  frames = await framesOf(service);
  expect(frames).toHaveLength(ENTRIES);
  expect(await service.process.stop()).toBe(0);
  setBackLog(databasePath(folder), old);
});
afterAll(() => {
  if (mount !== null) unmountSmallDisk(mount);
  rmSync(base, { recursive: true, force: true });
});

describe("killed in an upgrade", () => {
  it.each([
    ["upgrade.slice-written", 1],
    ["upgrade.slice-written", 3],
    ["upgrade.slice-committed", 1],
    ["upgrade.slice-committed", SLICES],
    ["upgrade.slice-committed", SLICES + 2],
    ["upgrade.slice-committed", 2 * SLICES],
    ["migration.begun", 1],
    ["migration.written", 1],
    ["migration.committed", 1],
    ["migration.written", 2],
  ] as const)("at %s, the %i. time, it goes on", async (point, count) => {
    const folder = oldFolder();
    await expect(start(folder, { CRASH_POINT: `${point}:${count}` })).rejects.toThrow("SIGKILL");
    // Before it goes on the log is as sound as it was, also for whoever looks at a copy.
    expect(await findings(databasePath(folder))).toEqual([]);
    await expectUpgraded(folder);
  });

  it("again and again, it makes its way", async () => {
    const folder = oldFolder();
    let crashes = 0;
    for (let isCut = true; isCut; ) {
      isCut = await start(folder, { CRASH_POINT: "upgrade.slice-committed:2" }).then(
        async (service) => {
          await service.process.stop();
          return false;
        },
        (error: Error) => error.message.includes("SIGKILL"),
      );
      if (isCut) crashes += 1;
    }
    // Two slices at a time.
    expect(crashes).toBe(SLICES);
    await expectUpgraded(folder);
  });
});

it.runIf(mount !== null)(
  "on a disk that fills up in an upgrade, says so, loses nothing and goes on when there is room",
  async () => {
    const folder = oldFolder(join(mount!, "data"));
    await expect(start(folder, { CRASH_POINT: "upgrade.slice-committed:2" })).rejects.toThrow("SIGKILL");
    const ballast = join(mount!, "ballast");
    const { bavail, bsize } = statfsSync(mount!);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    const { code, stderr } = await runMain([], { ...OPTIONS, DATA_DIR: folder, BOOTSTRAP_ADMIN_API_KEY });
    expect(stderr).toContain("the disk is full: 0008_places.sql could not be applied; nothing of it is lost");
    expect(code).toBe(70);
    expect(await findings(databasePath(folder))).toEqual([]);
    truncateSync(ballast);
    await expectUpgraded(folder);
  },
);

describe("meanwhile", () => {
  it("health is answered and everything else refused; the log says how far it is", async () => {
    const folder = oldFolder();
    const port = await ownPort();
    const db = new Database(databasePath(folder));
    db.pragma("journal_mode = WAL");
    // The first slice waits for this.
    db.exec("BEGIN IMMEDIATE");
    const starting = start(folder, { PORT: String(port) });
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    starting.then(over, over);
    const get = async (path: string) => {
      for (;;) {
        expect(isOver).toBe(false);
        const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => delay(10));
        if (answer instanceof Response)
          return { status: answer.status, headers: answer.headers, text: await answer.text() };
      }
    };
    const health = await get("/health");
    expect(health.status).toBe(200);
    expect(JSON.parse(health.text)).toMatchObject({ status: "upgrading", service: "stateset-sequencer" });
    for (const path of ["/ready", "/api/v1/log", "/subscribe", "/metrics"]) {
      const answer = await get(path);
      expectProblem(answer, "SERVICE_UNAVAILABLE", /^the log of 600 entries is being/);
      expect(answer.headers.get("retry-after")).toBe("5");
    }
    const asked = await runMain(["health"], { PORT: String(port) });
    expect(asked).toMatchObject({ code: 1, stdout: expect.stringContaining("being upgraded: 0008_places.sql") });
    db.exec("COMMIT");
    db.close();

    const service = await starting;
    await using _ended = service.process;
    expect((await service.get("/health")).json.status).toBe("healthy");
    expect((await service.get("/ready")).status).toBe(200);
    const lines = service.process.lines.map((line) => JSON.parse(line));
    const slices = lines.filter(({ msg, table }) => msg === "upgrading the log" && table === "places_by_id");
    expect(slices.map(({ rows }) => rows)).toEqual([80, 160, 240, 320, 400, 480, 560, 600]);
    const applied = lines.filter(({ msg }) => msg === "applied a migration");
    expect(applied.map(({ migration, entries }) => [migration, entries])).toEqual([
      ["0008_places.sql", ENTRIES],
      ["0009_checked_from.sql", ENTRIES],
      ["0010_submitted_commitments.sql", ENTRIES],
    ]);
  });

  it("SIGTERM ends it with code 0, and the next start goes on", async () => {
    const folder = oldFolder();
    const port = await ownPort();
    const db = new Database(databasePath(folder));
    db.pragma("journal_mode = WAL");
    db.exec("BEGIN IMMEDIATE");
    const env = { ...OPTIONS, DATA_DIR: folder, PORT: String(port), HOST: "127.0.0.1", LOG_FORMAT: "json" };
    const main = join(packageRoot, "dist", "src", "main.js");
    const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "ignore", "pipe"] });
    const exited = once(child, "exit");
    const lines = createInterface({ input: child.stderr });
    const messages: string[] = [];
    const stopping = new Promise<void>((resolve) => {
      lines.on("line", (line) => {
        messages.push(JSON.parse(line).msg);
        if (messages.at(-1) === "stopping") resolve();
      });
    });
    while (!((await fetch(`http://127.0.0.1:${port}/health`).catch(() => delay(10))) instanceof Response));
    child.kill("SIGTERM");
    await stopping;
    db.exec("COMMIT");
    db.close();
    expect((await exited)[0]).toBe(0);
    expect(messages.at(-1)).toBe("stopped before the log was upgraded; the next start goes on");
    expect(await findings(databasePath(folder))).toEqual([]);
    await expectUpgraded(folder);
  });

  it("a taken port is no reason to leave the log half upgraded", async () => {
    const folder = oldFolder();
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, "127.0.0.1", () => resolve((blocker.address() as { port: number }).port));
    });
    const { code, stderr } = await runMain([], { ...OPTIONS, DATA_DIR: folder, PORT: String(port) });
    blocker.close();
    expect(code).toBe(70);
    expect(stderr).toContain("nobody is answered until the log is upgraded");
    expect(stderr.trimEnd().split("\n").at(-1)).toBe(
      `stateset-sequencer: Cannot listen on 127.0.0.1:${port}: EADDRINUSE, another program has this port`,
    );
    await expectUpgraded(folder);
  });
});
