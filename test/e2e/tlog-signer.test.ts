import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ServerProcess } from "../../src/cli/server-process.js";
import { nobleEd25519 } from "../../src/protocol/ed25519.js";
import { encodeNoteKey, NOTE_COSIGNATURE } from "../../src/protocol/signed-note.js";
import { untilCheckpoint } from "../support/checkpoint.js";
import { seededRandom, sendBatch, signBatch } from "../support/load.js";
import { expectProblem } from "../support/problem.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestAgent, TestService } from "../support/service.js";
import { type AuditedCheckpoint, rootOf, TlogAuditor } from "../support/tlog-auditor.js";

/** No signer, however it is killed, copied or set back, signs two histories under one origin. */

const ENV = { TLOG_CHECKPOINT_INTERVAL_MS: "50" };
const CRASHES = 4;

const garbage: string[] = [];
afterEach(() => {
  for (const path of garbage.splice(0)) rmSync(path, { recursive: true, force: true });
});

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
  garbage.push(folder);
  return folder;
}

async function auditorOf(service: TestService): Promise<TlogAuditor> {
  const { key } = await untilCheckpoint(service);
  return new TlogAuditor(`${service.url}/tlog`, key);
}

async function covering(service: TestService, size: number): Promise<AuditedCheckpoint> {
  const auditor = await auditorOf(service);
  for (;;) {
    const checkpoint = await auditor.checkpoint();
    if (checkpoint.size >= size) return checkpoint;
    await pause();
  }
}

const pause = (ms = 10): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function start(folder: string, env: Record<string, string> = {}): Promise<TestService> {
  return new TestService(await ServerProcess.start({ folder, env: { ...ENV, ...env } }), folder, env);
}

async function fill(agent: TestAgent, events: number): Promise<void> {
  expect((await sendBatch(agent.service, signBatch(agent, events))).json.eventsAccepted).toBe(events);
}

/** Waits for the service to say why it does not sign, and sees that it really does not. */
async function refusalOf(service: TestService): Promise<string> {
  for (;;) {
    const line = service.process.lines.find((text) => text.includes("no checkpoints are signed"));
    if (line === undefined) await pause();
    else {
      expectProblem(await service.get("/tlog/checkpoint"), "SERVICE_UNAVAILABLE");
      expectProblem(await service.get("/tlog/tile/0/000.p/1"), "SERVICE_UNAVAILABLE");
      return (JSON.parse(line) as { reason: string }).reason;
    }
  }
}

/** A log of `events` entries with a checkpoint that covers them, stopped. */
async function stoppedLog(events: number, env: Record<string, string> = {}) {
  const folder = temporary();
  const service = await start(folder, env);
  const agent = await service.agent();
  await fill(agent, events);
  const checkpoint = await covering(service, events);
  await service.process.stop();
  return { folder, agent, checkpoint };
}

/** The same agent against another process. */
function moved(agent: TestAgent, service: TestService): TestAgent {
  return Object.assign(Object.create(Object.getPrototypeOf(agent) as object) as TestAgent, agent, { service });
}

describe("the checkpoint signer", () => {
  it(`never forks, killed at random moments under load (seed ${TEST_SEED})`, async () => {
    const random = seededRandom(TEST_SEED);
    await using service = await startService(ENV);
    const agent = await service.agent();
    const served = new Map<string, AuditedCheckpoint>();
    let acknowledged = 0;
    for (let crash = 0; crash < CRASHES; crash++) {
      const auditor = await auditorOf(service);
      let isAlive = true;
      const load = (async () => {
        while (isAlive) {
          const answer = await sendBatch(service, signBatch(agent, 1 + Math.floor(random() * 60))).catch(() => null);
          if (answer?.status === 200) acknowledged += answer.json.eventsAccepted;
        }
      })();
      const watch = (async () => {
        while (isAlive) {
          const seen = await auditor.checkpoint().catch(() => null);
          if (seen !== null) served.set(seen.text, seen);
        }
      })();
      await pause(150 + random() * 500);
      // A busy machine may need longer for its first checkpoint of this life.
      while (served.size <= crash + 1) await pause(10);
      const death = service.process.kill();
      isAlive = false;
      await Promise.all([load, watch, death]);
      await service.startAgain();
    }
    const auditor = await auditorOf(service);
    const last = await covering(service, acknowledged);
    const leaves = await auditor.leaves(last.size);
    expect(rootOf(leaves).equals(last.root)).toBe(true);
    await auditor.audit(last);
    expect(served.size).toBeGreaterThan(CRASHES);
    for (const { origin, size, root } of served.values()) {
      expect(origin).toBe(last.origin);
      expect(size).toBeLessThanOrEqual(last.size);
      expect(rootOf(leaves.slice(0, size)).equals(root), `the checkpoint of ${size}`).toBe(true);
    }
  });

  it("goes on after a restart, and signs the same head with the same bytes", async () => {
    const { folder, agent, checkpoint } = await stoppedLog(300);
    await using service = await start(folder);
    expect((await covering(service, 300)).text).toBe(checkpoint.text);
    await fill(moved(agent, service), 300);
    const grown = await covering(service, 600);
    const auditor = await auditorOf(service);
    await auditor.audit(grown);
    expect((await auditor.rootAt(300)).equals(checkpoint.root)).toBe(true);
  });

  it("has everything that was acknowledged in the last checkpoint of a clean end", async () => {
    const folder = temporary();
    const service = await start(folder);
    await fill(await service.agent(), 50);
    await service.process.stop();
    // With this interval the first checkpoint is the one that was saved: nothing new is signed for a minute.
    await using again = await start(folder, { TLOG_CHECKPOINT_INTERVAL_MS: "60000" });
    expect((await (await auditorOf(again)).checkpoint()).size).toBe(50);
  });

  it("goes on in a folder that was moved, and refuses in one that was copied", async () => {
    const { folder, agent, checkpoint } = await stoppedLog(20);
    const elsewhere = join(temporary(), "moved");
    renameSync(folder, elsewhere);
    const copy = join(temporary(), "copy");
    cpSync(elsewhere, copy, { recursive: true });
    await using original = await start(elsewhere);
    await using second = await start(copy);
    expect(await refusalOf(second)).toContain("copy");
    // Its log is whole all the same.
    await fill(moved(agent, second), 1);
    expect((await covering(original, 20)).text).toBe(checkpoint.text);
    await fill(moved(agent, original), 5);
    expect((await covering(original, 25)).size).toBe(25);
  });

  it("lets an operator take a copy over: a new epoch, a new origin, once", async () => {
    const { folder, agent, checkpoint } = await stoppedLog(20);
    const copy = join(temporary(), "copy");
    cpSync(folder, copy, { recursive: true });
    const original = await start(folder);
    await fill(moved(agent, original), 1);
    await covering(original, 21);
    const before = await fetch(`${original.url}/tlog/tile/0/000.p/21`);
    await original.process.stop();
    const taken = await start(copy, { TLOG_TAKE_OVER: "true" });
    const first = await covering(taken, 20);
    expect(first.origin).not.toBe(checkpoint.origin);
    // The same entries under another name: nothing of the old origin is contradicted.
    expect(first.root.equals(checkpoint.root)).toBe(true);
    const { log_id: logId, epoch } = (await taken.get("/api/v1/head")).json;
    expect(first.origin).toBe(`stateset-sequencer/${logId}/${epoch}`);
    expect(epoch).toBeGreaterThan(1);
    await fill(moved(agent, taken), 3);
    await covering(taken, 23);
    // What a cache kept of the other origin is not taken for a tile of this one.
    const headers = { "if-none-match": before.headers.get("etag")! };
    const after = await fetch(`${taken.url}/tlog/tile/0/000.p/21`, { headers });
    expect(after.status).toBe(200);
    expect(Buffer.from(await after.arrayBuffer())).not.toEqual(Buffer.from(await before.arrayBuffer()));
    await taken.process.stop();
    await using again = await start(copy, { TLOG_TAKE_OVER: "true" });
    expect((await covering(again, 23)).origin).toBe(first.origin);
  });

  it("refuses when only the log was restored, also after it has grown past the old head", async () => {
    const { folder, agent } = await stoppedLog(10);
    const backup = readFileSync(join(folder, "sequencer.db"));
    const service = await start(folder);
    await fill(moved(agent, service), 10);
    await covering(service, 20);
    await service.process.stop();
    writeFileSync(join(folder, "sequencer.db"), backup);
    const restored = await start(folder);
    expect(await refusalOf(restored)).toContain("20 entries, this log has 10");
    await fill(moved(agent, restored), 30);
    await restored.process.stop();
    await using grown = await start(folder);
    expect(await refusalOf(grown)).toContain("entry 19 is not the one");
  });

  it("refuses when it no longer knows what it signed", async () => {
    const { folder } = await stoppedLog(10);
    for (const name of readdirSync(folder)) if (name.startsWith("tlog.db")) rmSync(join(folder, name));
    await using service = await start(folder);
    expect(await refusalOf(service)).toContain("tlog.db no longer knows");
  });

  it("meets what it signed in a guard file, after everything else was set back in place", async () => {
    const env = { TLOG_GUARD_FILE: join(temporary(), "guard.db") };
    const { folder, agent } = await stoppedLog(10, env);
    const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
    const backup = names.map((name) => [name, readFileSync(join(folder, name))] as const);
    const service = await start(folder, env);
    await fill(moved(agent, service), 10);
    await covering(service, 20);
    await service.process.stop();
    // As a snapshot of the disk does it: the same files, their contents of before.
    for (const [name, bytes] of backup) writeFileSync(join(folder, name), bytes);
    const setBack = await start(folder, env);
    expect(await refusalOf(setBack)).toContain("20 entries, this folder knows of 10");
    await setBack.process.stop();
    await using taken = await start(folder, { ...env, TLOG_TAKE_OVER: "true" });
    expect((await covering(taken, 10)).size).toBe(10);
  });

  it("refuses to start with options that protect nothing", async () => {
    const folder = temporary();
    const publicKey = nobleEd25519.publicKey(new Uint8Array(32).fill(7));
    const oneWitness = ["a", "b"].map((name) => {
      return `${encodeNoteKey({ name, type: NOTE_COSIGNATURE, publicKey })}@https://${name}.example`;
    });
    const bad = [
      { TLOG_GUARD_FILE: join(folder, "guard.db") },
      { TLOG_WITNESSES: oneWitness.join(","), TLOG_WITNESS_QUORUM: "2" },
      { TLOG_WITNESS_QUORUM: "1" },
      { TLOG_WITNESSES: "somebody@https://witness.example" },
      { TLOG_ORIGIN: "two words" },
      { TLOG_SIGNING_KEY: "short" },
    ];
    for (const env of bad) await expect(start(folder, env), JSON.stringify(env)).rejects.toThrow(/TLOG_/);
  });
});
