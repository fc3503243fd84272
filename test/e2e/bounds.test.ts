import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { migrationsPath } from "../../src/base/asset-paths.js";
import { OPTIONS } from "../../src/options-table.js";
import { openWriter } from "../../src/store/sqlite/connection.js";
import { openLogIdentity } from "../../src/store/sqlite/log-identity.js";
import { migrate } from "../../src/store/sqlite/migrate.js";
import { hasNativeTransport } from "../../src/transport/native.js";
import { holdLane } from "../support/held-lane.js";
import { agentsOnFourStreams, type Batch, largePayload, sendBatch, signBatch } from "../support/load.js";
import { RawConnection } from "../support/raw-connection.js";
import { runMain } from "../support/run-main.js";
import { type Answer, startService, type TestService, uuid } from "../support/service.js";
import { readLog } from "../support/subscriber.js";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("overload", () => {
  it("holds no body in parts for somebody without a credential", async () => {
    await using service = await startService();
    for (const authorization of ["Basic Og==", `ApiKey ss_${"x".repeat(40)}`, "Bearer a.b.c"]) {
      for (const path of ["/api/v1/ves/events/ingest", "/api/v1/admin/api-keys", "/api/v1/ves/compliance-proofs"]) {
        using connection = await RawConnection.open(service);
        const headers = { authorization, "content-type": "application/json", "content-length": String(MIB) };
        connection.writeHead("POST", path, headers);
        connection.write(" ".repeat(KIB));
        let answer = "";
        while (!answer.includes("numeric_code")) {
          await connection.bytes(answer.length + 1);
          answer = connection.received.toString("latin1");
        }
        expect(answer).toMatch(/^HTTP\/1\.1 401 /);
        expect(answer).toMatch(/AUTH_REQUIRED|INVALID_API_KEY|INVALID_TOKEN/);
      }
    }
  });

  it("answers 429 above the bound on requests in flight, stores nothing of them, and recovers", async () => {
    await using service = await startService({ SEQ_OVERLOAD_MAX_INFLIGHT_SUBMISSIONS: "3", VERIFY_THREADS: "1" });
    const [agent] = await agentsOnFourStreams(service, 1);
    const batches = Array.from({ length: 24 }, () => signBatch(agent!, 100));
    await expectOverload(service, batches);
  });

  it("answers 429 above the bound on bytes in flight", async () => {
    await using service = await startService({ MAX_INFLIGHT_BYTES: String(MIB), VERIFY_THREADS: "1" });
    const [agent] = await agentsOnFourStreams(service, 1);
    const payload = largePayload(400 * KIB);
    const batches = Array.from({ length: 12 }, () => signBatch(agent!, 1, { payload }));
    await expectOverload(service, batches);
  });

  it("a full lane queue delays, it neither loses nor reorders", async () => {
    await using service = await startService({
      SEQ_QUEUE_CAP: "1",
      SEQ_MAX_USER_OPS_PER_CHUNK: "1",
      VERIFY_THREADS: "2",
    });
    const [agent] = await agentsOnFourStreams(service, 1);
    const batches = Array.from({ length: 60 }, (_, index) => signBatch(agent!, 1 + (index % 5)));
    const answers = await Promise.all(batches.map((batch) => sendBatch(service, batch)));
    expect(answers.map(({ status }) => status)).toEqual(batches.map(() => 200));
    expect((await readLog(service)).length).toBe(batches.reduce((sum, { eventIds }) => sum + eventIds.length, 0));
  });
});

/** All at once: some are taken, some get 429 with Retry-After; exactly the taken ones are stored; later all are. */
async function expectOverload(service: TestService, batches: readonly Batch[]): Promise<void> {
  const held = holdLane(service);
  const sent = batches.map((batch) => sendBatch(service, batch));
  await Promise.any(sent.map(async (answer) => expect((await answer).status).not.toBe(200)));
  held[Symbol.dispose]();
  const answers = await Promise.all(sent);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(batches.length);
  for (const answer of refused) {
    expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 429, code: "OVERLOADED" });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  const taken = batches.filter((_, index) => answers[index]!.status === 200).flatMap(({ eventIds }) => eventIds);
  expect(await storedIds(service)).toEqual(new Set(taken));
  for (const batch of batches) expect((await sendBatch(service, batch)).status).toBe(200);
  expect(await storedIds(service)).toEqual(new Set(batches.flatMap(({ eventIds }) => eventIds)));
}

async function storedIds(service: TestService): Promise<Set<string>> {
  const frames = await readLog(service);
  return new Set(
    frames.map((frame) => (JSON.parse(frame.toString()) as { event: { event_id: string } }).event.event_id),
  );
}

describe("store", () => {
  const smallWal = {
    WAL_BYTES_TARGET: String(64 * KIB),
    WAL_BYTES_MAX: String(256 * KIB),
    CHECKPOINT_INTERVAL_MS: "10",
    TAIL_BYTES_MAX: "0",
  };

  it("bounds the write-ahead log under load", async () => {
    await using service = await startService(smallWal);
    const agents = await agentsOnFourStreams(service, 4);
    const payload = largePayload(20 * KIB);
    const writers = agents.map(async (agent) => {
      for (let i = 0; i < 60; i++) {
        expect((await sendBatch(service, signBatch(agent, 10, { payload }))).status).toBe(200);
      }
    });
    await Promise.all(writers);
    const written = statSync(join(service.folder, "sequencer.db")).size;
    expect(written).toBeGreaterThan(32 * MIB);
    // The file never shrinks while it is in use: its size is its peak. It does not grow with the log: how much comes in while a
    // checkpoint runs is the machine's affair.
    expect(walBytes(service)).toBeLessThan(written / 2);
    expect(await checkpoints(service, "passive")).toBeGreaterThan(0);
  });

  it("somebody else's open transaction on the file neither stops nor delays the lane for long", async () => {
    await using service = await startService(smallWal);
    const agent = await service.agent();
    const payload = largePayload(20 * KIB);
    await sendBatch(service, signBatch(agent, 1));
    const stranger = new Database(join(service.folder, "sequencer.db"), { readonly: true });
    stranger.exec("BEGIN; SELECT count(*) FROM entries");
    // Restarts are tried, each holds the lane back for a moment only: a commit has patience for 10 s.
    const restarts = await checkpoints(service, "restart");
    while ((await checkpoints(service, "restart")) < restarts + 5) {
      expect((await sendBatch(service, signBatch(agent, 10, { payload }))).status).toBe(200);
    }
    stranger.close();
    // Once it is gone the log starts over: 2 MiB more leave the file as large as it was, sooner or later.
    let hasStartedOver = false;
    for (let round = 0; round < 40 && !hasStartedOver; round++) {
      const before = walBytes(service);
      for (let i = 0; i < 10; i++) await sendBatch(service, signBatch(agent, 10, { payload }));
      hasStartedOver = walBytes(service) <= before;
    }
    expect(hasStartedOver).toBe(true);
  });

  it("keeps the newest rejections only", async () => {
    await using service = await startService({ REJECTIONS_KEPT_MAX: "5" });
    const agent = await service.agent();
    const rejected: string[] = [];
    for (let i = 0; i < 4; i++) {
      const events = Array.from({ length: 3 }, () => agent.sign({ baseVersion: 9 }));
      rejected.push(...events.map(({ event_id }) => event_id.replaceAll("-", "")));
      expect((await agent.ingest(events)).json.eventsRejected).toBe(3);
    }
    using db = openDatabase(service);
    const rows = db.all("SELECT lower(hex(event_id)) AS id FROM ves_rejections ORDER BY id") as { id: string }[];
    expect(rows.map(({ id }) => id).sort()).toEqual(rejected.slice(-5).sort());
  });

  it("keeps no rejection at all with 0", async () => {
    await using service = await startService({ REJECTIONS_KEPT_MAX: "0" });
    const agent = await service.agent();
    expect((await agent.ingest([agent.sign({ baseVersion: 9 })])).json.eventsRejected).toBe(1);
    using db = openDatabase(service);
    expect(db.all("SELECT * FROM ves_rejections")).toEqual([]);
  });

  it("flushes every commit, and refuses to run where it would not", () => {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
    const db = openWriter(folder);
    migrate(db, migrationsPath("sqlite"), 0);
    openLogIdentity(db, uuid(), 0);
    db.exec("BEGIN IMMEDIATE; UPDATE log SET created_at_ms = 1; COMMIT");
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("wal_autocheckpoint", { simple: true })).toBe(0);
    db.pragma("synchronous = NORMAL");
    expect(() => openLogIdentity(db, uuid(), 0)).toThrow("synchronous=FULL");
    db.close();
    rmSync(folder, { recursive: true });
  });

  it("says what is wrong with a database it cannot open", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
    writeFileSync(
      join(folder, "sequencer.db"),
      "this is no database, and long enough to be told from one. ".repeat(100),
    );
    const { code, stderr } = await runMain([], { DATA_DIR: folder });
    expect(code).toBe(70);
    const problem = `${join(folder, "sequencer.db")} cannot be used: file is not a database`;
    // Without the native transport its package has had its say before.
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .slice(hasNativeTransport ? 0 : -1),
    ).toEqual([`stateset-sequencer: ${problem}`]);
    rmSync(folder, { recursive: true });
  });

  it("refuses to change or delete what is in the log, whoever asks", async () => {
    await using service = await startService();
    const agent = await service.agent();
    await agent.ingest([agent.sign()]);
    expect(await service.process.stop()).toBe(0);
    const db = new Database(join(service.folder, "sequencer.db"));
    for (const sql of [
      "UPDATE entries SET sequence_number = 2",
      "UPDATE entries SET envelope = x'00'",
      "DELETE FROM entries",
      'DELETE FROM entries WHERE "offset" = 0',
    ]) {
      expect(() => db.exec(sql), sql).toThrow("append-only");
    }
    expect(db.prepare("SELECT count(*) AS n, min(sequence_number) AS s FROM entries").get()).toEqual({ n: 1, s: 1 });
    db.close();
  });
});

async function checkpoints(service: TestService, mode: string): Promise<number> {
  const { text } = await service.get("/metrics");
  return Number(text.match(new RegExp(`sequencer_wal_checkpoints_total\\{mode="${mode}"\\} (\\d+)`))?.[1] ?? 0);
}

function walBytes(service: TestService): number {
  return statSync(join(service.folder, "sequencer.db-wal")).size;
}

function openDatabase(service: TestService): Disposable & { all(sql: string): unknown[] } {
  const db = new Database(join(service.folder, "sequencer.db"), { readonly: true });
  return { all: (sql) => db.prepare(sql).all(), [Symbol.dispose]: () => db.close() };
}

describe("bodies", () => {
  it("refuses too many events, too large a payload and too large a body by name", async () => {
    await using service = await startService({
      MAX_EVENTS_PER_BATCH: "2",
      MAX_EVENT_PAYLOAD_SIZE: "100",
      MAX_BODY_SIZE_BYTES: String(8 * KIB),
    });
    const agent = await service.agent();
    expectProblem(await agent.ingest([agent.sign(), agent.sign(), agent.sign()]), 413, "BATCH_TOO_LARGE");
    expectProblem(await agent.ingest([agent.sign({ payload: largePayload(9 * KIB) })]), 413, "PAYLOAD_TOO_LARGE");
    const mixed = await agent.ingest([agent.sign(), agent.sign({ payload: largePayload(101) })]);
    expectProblem(mixed, 413, "PAYLOAD_TOO_LARGE");
    expect(await readLog(service)).toEqual([]);
    expect((await agent.ingest([agent.sign(), agent.sign()])).json.eventsAccepted).toBe(2);
  });
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.json.code }).toEqual({ status, code });
}

describe("options", () => {
  it.each([
    ["an unknown flag", ["--prot", "1"], {}, ["unknown option --prot"]],
    ["an unknown own variable", [], { SEQ_QUEUE_CAPP: "1" }, ["unknown option SEQ_QUEUE_CAPP"]],
    ["words for numbers", [], { PORT: "http" }, ['PORT must be an integer from 0 to 65535, not "http"']],
    ["a fraction", [], { READ_THREADS: "1.5" }, ['READ_THREADS must be an integer from 1 to 64, not "1.5"']],
    [
      "too small",
      [],
      { WS_PING_INTERVAL_SECS: "7" },
      ['WS_PING_INTERVAL_SECS must be an integer from 8 to 960, not "7"'],
    ],
    [
      "no boolean",
      [],
      { REQUIRE_NATIVE_TRANSPORT: "perhaps" },
      ['REQUIRE_NATIVE_TRANSPORT must be true or false, not "perhaps"'],
    ],
    ["no choice", ["--log-level=loud"], {}, [expect.stringMatching(/^LOG_LEVEL must be one of .*, not "loud"$/)]],
    ["a flag without value", ["--port"], {}, ["--port needs a value"]],
    [
      "several at once",
      ["--nope=1"],
      { PORT: "x", READ_THREADS: "0" },
      [expect.any(String), expect.any(String), expect.any(String)],
    ],
  ])("%s is refused with exit 2 and a line per problem", async (_, args, env, problems) => {
    const { code, stdout, stderr } = await runMain(args, env);
    const lines = stderr.trimEnd().split("\n");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(lines.map((line) => line.replace(/^stateset-sequencer: /, ""))).toEqual(problems);
  });

  it("never prints a bad secret", async () => {
    const { code, stderr } = await runMain([], {
      VES_SEQUENCER_SIGNING_KEY: "hunter2",
      BOOTSTRAP_ADMIN_API_KEY: "swordfish",
    });
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/hunter2|swordfish/);
  });

  it.each([
    ["help", /^stateset-sequencer .*\n\nUsage: /],
    ["-h", /^stateset-sequencer .*\n\nUsage: /],
    ["serve -h", /^stateset-sequencer .*\n\nUsage: /],
    ["help health", /^stateset-sequencer .*\n\nUsage: /],
    ["help backup", /^Usage: stateset-sequencer backup /],
    ["verify-log -h", /^Usage: stateset-sequencer verify-log /],
    ["-V", /^\d+\.\d+\.\d+\n$/],
    ["version", /^\d+\.\d+\.\d+\n$/],
  ])("%s answers on standard output", async (args, stdout) => {
    expect(await runMain(args.split(" "))).toEqual({ code: 0, stdout: expect.stringMatching(stdout), stderr: "" });
  });

  it.each(["nothing", "nothing --help", "help nothing"])("%s is one line and exit 2", async (args) => {
    const stderr = "stateset-sequencer: unknown command nothing; see --help\n";
    expect(await runMain(args.split(" "))).toEqual({ code: 2, stdout: "", stderr });
  });

  it.each([`{"JWT_SECRET": hunter2hunter2}`, `{"JWT_SECRET": "hunter2"hunter2}`, "hunter2"])(
    "never prints of a configuration file what may be a secret: %s",
    async (content) => {
      const folder = mkdtempSync(join(tmpdir(), "sequencer-config-"));
      const path = join(folder, "config.json");
      writeFileSync(path, content);
      const { code, stderr } = await runMain(["--config", path]);
      rmSync(folder, { recursive: true });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^stateset-sequencer: cannot read .+config\.json: it is not JSON( at position \d+)?\n$/);
    },
  );

  it("--help names every option with its flag", async () => {
    const { code, stdout } = await runMain(["--help"]);
    expect(code).toBe(0);
    for (const name of Object.keys(OPTIONS)) {
      expect(stdout).toContain(` ${name}\n`);
      expect(stdout).toContain(`--${name.toLowerCase().replaceAll("_", "-")} `);
    }
  });
});
