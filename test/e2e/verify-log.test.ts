import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { signBatch } from "../support/load.js";
import { makeLog } from "../support/log-maker.js";
import { runMain } from "../support/run-main.js";
import { startService } from "../support/service.js";

const EVENTS = 600;

const base = mkdtempSync(join(tmpdir(), "sequencer-audit-"));
const sound = join(base, "sound");

beforeAll(async () => {
  mkdirSync(sound);
  await makeLog(sound, EVENTS, 5);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const SWAP = `UPDATE entries SET offset = 1000000 WHERE offset = 30;
  UPDATE entries SET offset = 30 WHERE offset = 31; UPDATE entries SET offset = 31 WHERE offset = 1000000`;

async function verify(...args: string[]) {
  const { code, stdout } = await runMain(["verify-log", "--json", ...args]);
  return { code, report: JSON.parse(stdout) };
}

describe("verify-log", () => {
  it("finds a sound log sound, with and without signatures", async () => {
    for (const options of [[], ["--no-signatures"]]) {
      const { code, report } = await verify("--data-dir", sound, ...options);
      expect(report).toMatchObject({ sound: true, entries: EVENTS, streams: 4, findings: [] });
      expect(code).toBe(0);
    }
  });

  it("knows a lost tail by a witness from outside", async () => {
    const { code, report } = await verify("--data-dir", sound, "--no-signatures", "--min-head", String(EVENTS + 1));
    expect(report.findings).toEqual([
      { offset: EVENTS, message: `the log ends here; it was known to have ${EVENTS + 1} entries` },
    ]);
    expect(code).toBe(6);
  });

  it("refuses bad usage with exit 2 and writes nothing", async () => {
    const wrong = [
      ["--data-dir", join(base, "nowhere")],
      ["--frob"],
      ["--threads", "x"],
      ["--db", "a", "--data-dir", "b"],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await runMain(["verify-log", ...args]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^stateset-sequencer verify-log: /);
    }
    expect((await runMain(["verify-log", "--help"])).stdout).toMatch(/^Usage: stateset-sequencer verify-log/);
  });

  it("follows a log that is being written", async () => {
    await using service = await startService();
    const agent = await service.agent();
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await service.post("/api/v1/ves/events/ingest", signBatch(agent, 50).body);
    })();
    for (let round = 0; round < 3; round++) {
      const { code, report } = await verify("--data-dir", service.folder);
      expect(report.findings).toEqual([]);
      expect(code).toBe(0);
    }
    isOver = true;
    await writing;
  });

  /** What is done to the rows behind the triggers' back; where and what verify-log must say. */
  const TAMPERING: [name: string, sql: string, offset: number | null, message: RegExp][] = [
    ["a time", "UPDATE entries SET sequenced_at_ms = sequenced_at_ms + 1 WHERE offset = 599", 599, /checksum/],
    ["time running back", "UPDATE entries SET sequenced_at_ms = 5 WHERE offset = 77", 77, /checksum/],
    ["a sequence number", "UPDATE entries SET sequence_number = 99999 WHERE offset = 10", 10, /receipt's signature/],
    ["an event id", "UPDATE entries SET event_id = randomblob(16) WHERE offset = 12", 12, /event_id is not/],
    ["a signing hash", "UPDATE entries SET signing_hash = randomblob(32) WHERE offset = 13", 13, /signing_hash is not/],
    [
      "an agent signature",
      "UPDATE entries SET agent_signature = randomblob(64) WHERE offset = 14",
      14,
      /agent_signature is/,
    ],
    ["a receipt", "UPDATE entries SET receipt_signature = randomblob(64) WHERE offset = 15", 15, /receipt's signature/],
    ["an entity", "UPDATE entries SET entity_ref = entity_ref + 1 WHERE offset = 16", 16, /entity/],
    [
      "an entity gone",
      "DELETE FROM entities WHERE ref = (SELECT entity_ref FROM entries WHERE offset = 200)",
      200,
      /entity is not stored/,
    ],
    ["an entity's name", "UPDATE entities SET entity_id = 'x' WHERE ref = 201", 200, /entity is not the envelope's/],
    ["a type of entity", "UPDATE entities SET entity_type = 'x' WHERE ref = 201", 200, /entity is not the envelope's/],
    [
      "a byte too many",
      "UPDATE entries SET envelope = CAST(envelope || X'20' AS BLOB) WHERE offset = 202",
      202,
      /something follows/,
    ],
    ["no envelope", "UPDATE entries SET envelope = X'' WHERE offset = 203", 203, /canonical/],
    ["an event type", "UPDATE entries SET event_type_ref = event_type_ref % 5 + 1 WHERE offset = 17", 17, /event type/],
    ["a payload", sqlReplace("EUR", "USD", 18), 18, /payload does not match its hash/],
    [
      "a base version",
      sqlReplace('"base_version":', '"base_version":1', 0),
      0,
      /base_version|asks for entity version|checksum/,
    ],
    ["white space", sqlReplace('"payload":{', '"payload": {', 19), 19, /canonical/],
    ["a missing entry", "DELETE FROM entries WHERE offset = 20", 20, /no entry at this offset/],
    ["a missing first entry", "DELETE FROM entries WHERE offset = 0", 0, /no entry at this offset/],
    ["two entries swapped", SWAP, 30, /./],
    ["an agent's key", "UPDATE agent_keys SET public_key = randomblob(32)", 0, /agent's signature/],
    ["a key gone", "DELETE FROM agent_keys", 0, /agent key is not stored/],
    ["the sequencer's key", "UPDATE sequencers SET public_key = randomblob(32)", 0, /receipt's signature/],
    ["the sequencer's id", "UPDATE sequencers SET sequencer_id = randomblob(16)", 0, /checksum/],
    ["a stream's head", "UPDATE streams SET ves_head = ves_head + 1 WHERE ref = 1", null, /stream 1 says its head/],
    [
      "a stream too many",
      "INSERT INTO streams (ref, tenant_id, store_id, ves_head) VALUES (99, randomblob(16), randomblob(16), 3)",
      null,
      /stream 99/,
    ],
    ["an entity's version", "UPDATE entities SET version = version - 1 WHERE ref = 3", null, /entity 3 says/],
    ["the commands gone", "DELETE FROM commands", 0, /command id is not stored/],
    ["a command too many", "INSERT INTO commands VALUES (1, randomblob(16))", null, /command ids are stored/],
    ["a column's name", "ALTER TABLE api_keys RENAME COLUMN label TO title", null, /api_keys is not what/],
    ["an index gone", "DROP INDEX entries_by_entity", null, /entries_by_entity is not what/],
    [
      "a trigger too many",
      "CREATE TRIGGER t AFTER INSERT ON entries BEGIN UPDATE streams SET ves_head = 0; END",
      null,
      /^t is not what the migrations make it/,
    ],
    ["the log's id", "UPDATE log SET log_id = 'x'", null, /no UUID/],
  ];

  it.each(TAMPERING)("names %s", async (_, sql, offset, message) => {
    const folder = mkdtempSync(join(base, "tampered-"));
    cpSync(sound, folder, { recursive: true });
    tamper(folder, sql);
    const path = join(folder, "sequencer.db");
    const options = { path, withSignatures: true, threads: 1, headMin: 0, onProgress: () => {} };
    const [first] = (await auditLog(options)).findings;
    expect(first?.message).toMatch(message);
    expect(first?.offset).toBe(offset);
  });
});

function sqlReplace(from: string, to: string, offset: number): string {
  return `UPDATE entries SET envelope = CAST(replace(CAST(envelope AS TEXT), '${from}', '${to}') AS BLOB) WHERE offset = ${offset}`;
}

function tamper(folder: string, sql: string): void {
  const db = new Database(join(folder, "sequencer.db"));
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
    name: string;
    sql: string;
  }[];
  db.pragma("foreign_keys = OFF");
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  db.exec(sql);
  for (const trigger of triggers) db.exec(trigger.sql);
  db.close();
}
