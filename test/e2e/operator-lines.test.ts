/** What an operator is told, and that a log nobody can write costs nothing but its lines. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";
import { fromHex, toHex } from "../../src/base/bytes.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { sendBatch, signBatch } from "../support/load.js";
import { ownPort } from "../support/own-port.js";
import { runMain } from "../support/run-main.js";
import { ed25519, startService, uuid } from "../support/service.js";
import { makeReadOnly, mountSmallDisk, unmountSmallDisk } from "../support/small-disk.js";
import { tamper } from "../support/sound-log.js";

const base = mkdtempSync(join(tmpdir(), "sequencer-operator-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Every write to it fails with ENOSPC. */
const FULL_DEVICE = "/dev/full";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly files?: readonly string[];
  readonly adminKeyFile?: string;
}

const read = (lines: readonly string[]): Line[] =>
  lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
const warnings = (lines: readonly string[]): Line[] => read(lines).filter(({ level }) => level >= 40);

async function holdPort(): Promise<{ port: number; [Symbol.dispose](): void }> {
  const holder = createServer();
  const port = await new Promise<number>((resolve) => {
    holder.listen(0, "127.0.0.1", () => resolve((holder.address() as { port: number }).port));
  });
  return { port, [Symbol.dispose]: () => void holder.close() };
}

async function untilReady(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null);
    if (answer?.status === 200) return;
    await delay(20);
  }
  throw new Error(`the service ended with ${child.exitCode}`);
}

describe.runIf(existsSync(FULL_DEVICE))("a log on a full disk", () => {
  it.each(["json", "text"])("%s: the service starts, serves and stops without it", async (format) => {
    const port = await ownPort();
    const full = openSync(FULL_DEVICE, "w");
    const child = spawn(process.execPath, [join(packageRoot, "dist/src/main.js")], {
      env: { HOST: "127.0.0.1", PORT: String(port), DATA_DIR: join(base, format), LOG_FORMAT: format },
      stdio: ["ignore", full, full],
    });
    closeSync(full);
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await untilReady(port, child);
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
  });
});

describe("a key file that was there before", () => {
  it.each(["receipt-signing.key", "checkpoint-signing.key", "sequencer.id"])(
    "%s: that another is made for a log with entries is said once, by name",
    async (name) => {
      await using service = await startService();
      expect(warnings(service.process.lines)).toEqual([]);
      await sendBatch(service, signBatch(await service.agent(), 3));
      expect(await service.process.stop()).toBe(0);
      rmSync(join(service.folder, name));
      await service.startAgain();
      expect(warnings(service.process.lines)).toMatchObject([
        { level: 40, files: [join(service.folder, name)], msg: expect.stringContaining("made anew") },
      ]);
      // From the first entry by the new one on nothing is to be said.
      await sendBatch(service, signBatch(await service.agent(), 1));
      expect(await service.process.stop()).toBe(0);
      await service.startAgain();
      expect(warnings(service.process.lines)).toEqual([]);
    },
  );
});

describe("a key that was given at the last start and is forgotten at the next", () => {
  const SEED = "5a".repeat(32);
  const GIVEN = { VES_SEQUENCER_SIGNING_KEY: SEED, VES_SEQUENCER_ID: uuid() };

  it("is named while the last entry is its own, also where the key in its place is no new one", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const restart = async (env: Readonly<Record<string, string>>): Promise<Line[]> => {
      await sendBatch(service, signBatch(agent, 1));
      expect(await service.process.stop()).toBe(0);
      await service.startAgain(env);
      return warnings(service.process.lines);
    };
    const own = (await service.get("/api/v1/sequencer")).json;
    const given = { sequencerId: GIVEN.VES_SEQUENCER_ID, publicKey: toHex(ed25519.publicKey(fromHex(SEED, 32)!)) };
    const generated = { sequencerId: own.sequencer_id, publicKey: own.public_key };
    expect(await restart(GIVEN)).toMatchObject([{ level: 40, former: generated, ...given }]);
    expect(await restart(GIVEN)).toEqual([]);
    expect(await restart({})).toMatchObject([{ level: 40, former: given, ...generated, nextOffset: 3 }]);
    expect(service.process.lines.join("\n")).not.toContain(SEED);
    expect(await restart({})).toEqual([]);
  });
});

describe("a lane that cannot go on", () => {
  it("says what the database says, and where", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const db = new Database(join(service.folder, "sequencer.db"));
    db.exec("ALTER TABLE ves_rejections RENAME TO elsewhere");
    db.close();
    const event = { ...agent.sign(), agent_signature: "00".repeat(64) };
    await agent.ingest([event]).catch(() => null);
    expect(await service.process.exited).toBe(70);
    const [ended] = service.process.lines.filter((line) => line.includes("memory may be ahead"));
    const { message, stack } = JSON.parse(ended!).err;
    expect(message).toMatch(/^the lane thread failed: SQLITE_ERROR: no such table: .*ves_rejections$/);
    expect(stack).toContain("SqliteLaneStore.commit");
    expect(ended).not.toContain(event.event_id);
  });
});

describe.runIf(process.getuid?.() === 0)("what root does for a service that is another user's", () => {
  const SERVICE_USER = 65534;

  it("restore leaves nothing in the folder that the service could not open", async () => {
    await using service = await startService();
    await sendBatch(service, signBatch(await service.agent(), 3));
    const file = join(base, "owner.db");
    expect((await runMain(["backup", file, "--data-dir", service.folder])).code).toBe(0);
    expect(await service.process.stop()).toBe(0);
    const theirs = join(base, "theirs");
    mkdirSync(theirs);
    for (const name of readdirSync(service.folder)) copyFileSync(join(service.folder, name), join(theirs, name));
    for (const path of [theirs, ...readdirSync(theirs).map((name) => join(theirs, name))]) {
      chownSync(path, SERVICE_USER, SERVICE_USER);
    }
    rmSync(join(theirs, "lock.db"));
    expect((await runMain(["restore", file, "--force", "--data-dir", theirs])).code).toBe(0);
    const names = readdirSync(theirs);
    expect(names).toEqual(expect.arrayContaining(["lock.db", "sequencer.db", expect.stringMatching(/^replaced-/)]));
    const owners = names.map((name) => [name, statSync(join(theirs, name)).uid]);
    expect(owners).toEqual(names.map((name) => [name, SERVICE_USER]));
  });

  it("a folder where nothing may be written is refused with the system's reason", async (context) => {
    const disk = mountSmallDisk(join(base, "read-only"), 1 << 20);
    if (disk === null) return context.skip();
    makeReadOnly(disk);
    const { code, stderr } = await runMain([], { DATA_DIR: disk });
    unmountSmallDisk(disk);
    expect({ code, stderr }).toEqual({
      code: 70,
      stderr: expect.stringMatching(/lock\.db cannot be opened: EROFS: read-only file system/),
    });
  });
});

describe("a read that fails in its thread", () => {
  it("is logged with what the database says, and answered without it", async () => {
    await using service = await startService();
    const batch = signBatch(await service.agent(), 1);
    await sendBatch(service, batch);
    const db = new Database(join(service.folder, "sequencer.db"));
    db.exec("ALTER TABLE ves_compliance_proofs RENAME TO elsewhere");
    db.close();
    const answer = await service.get(`/api/v1/ves/compliance/${batch.eventIds[0]}/proofs`);
    expect([answer.status, answer.json.code]).toEqual([500, "INTERNAL_ERROR"]);
    expect(answer.text).not.toContain("ves_compliance_proofs");
    const [failed] = service.process.lines.filter((line) => line.includes("request failed"));
    expect(JSON.parse(failed!).err.message).toMatch(/^SQLITE_ERROR: no such table: .*ves_compliance_proofs$/);
  });
});

describe("a start", () => {
  it("names the admin key's file, also where the first one ended before it could show the key", async () => {
    const folder = join(base, "port-taken");
    using held = await holdPort();
    const refused = await runMain([], { DATA_DIR: folder, PORT: String(held.port) });
    expect(refused).toMatchObject({
      code: 70,
      stdout: "",
      stderr: `stateset-sequencer: Cannot listen on 127.0.0.1:${held.port}: EADDRINUSE, another program has this port\n`,
    });
    await using second = await ServerProcess.start({ folder, env: { BOOTSTRAP_ADMIN_API_KEY: "" } });
    const [{ adminKeyFile } = {}] = read(second.lines);
    expect(adminKeyFile).toBe(join(folder, "admin.key"));
    const key = readFileSync(adminKeyFile!, "utf8").trim();
    const answer = await fetch(`${second.url}/api/v1/head`, { headers: { "x-api-key": key } });
    expect(answer.status).toBe(200);
  });

  it("says that the clock is behind the log, whose time then stands still", async () => {
    await using service = await startService();
    const agent = await service.agent();
    await agent.ingest([agent.sign()]);
    await service.process.stop();
    await service.startAgain();
    const behind = () => read(service.process.lines).filter(({ msg }) => msg.startsWith("the clock is behind"));
    expect(behind()).toEqual([]);
    await service.process.stop();
    tamper(service.folder, "UPDATE entries SET sequenced_at_ms = sequenced_at_ms + 3600000");
    await service.startAgain();
    expect(behind()).toEqual([expect.objectContaining({ level: 40, clockBehindMs: expect.any(Number) })]);
  });

  it("names the variables that somebody set for nothing, not what they hold", async () => {
    await using service = await startService({ PAYLOAD_ENCRYPTION_KEY: "hunter2", DATABASE_URL: "postgres://hunter2" });
    expect(warnings(service.process.lines)).toMatchObject([
      { level: 40, variables: ["DATABASE_URL", "PAYLOAD_ENCRYPTION_KEY"], msg: expect.stringContaining("not heeded") },
    ]);
    expect(service.process.lines.join()).not.toContain("hunter2");
  });

  it("names no file where an option gives the key", async () => {
    await using service = await startService();
    expect(read(service.process.lines)[0]!.adminKeyFile).toBeUndefined();
  });

  it.each(["missing/guard.db", "", "not-a-guard.db"])(
    "that cannot use the guard file %j names it and goes on",
    async (name) => {
      writeFileSync(join(base, "not-a-guard.db"), "something else of the operator's");
      const path = join(base, name);
      const folder = join(base, `guard-${name.length}`);
      await using server = await ServerProcess.start({ folder, env: { TLOG_GUARD_FILE: path } });
      const failures = (): string[] => server.lines.filter((line) => line.includes("no checkpoints are signed"));
      while (failures().length === 0) await delay(10);
      expect(failures()).toEqual([expect.stringContaining(`the guard file ${path} cannot be used: `)]);
      expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    },
  );

  it("where a file has the data folder's name is refused by that name", async () => {
    const path = join(base, "a-file");
    writeFileSync(path, "");
    const { code, stderr } = await runMain([], { DATA_DIR: path });
    expect({ code, stderr }).toEqual({
      code: 70,
      stderr: expect.stringContaining(`the data folder ${path} cannot be made`),
    });
  });

  it("without a name for the data folder makes no log in the current one", async () => {
    expect(await runMain(["--data-dir", ""])).toEqual({
      code: 2,
      stdout: "",
      stderr: "stateset-sequencer: DATA_DIR must not be empty\n",
    });
  });
});
