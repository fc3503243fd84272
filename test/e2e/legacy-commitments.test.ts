/** Legacy commitments and proofs against a real service, checked with code that shares none with it; crashes and audits. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { LegacyClient } from "../support/legacy-client.js";
import { legacyClimb, modelLegacyRoot, modelLegacyStateRoot } from "../support/legacy-model.js";
import { signBatch } from "../support/load.js";
import { runMain } from "../support/run-main.js";
import { type Answer, startService, type TestService, uuid } from "../support/service.js";

const OFF = { VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" };
const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

interface Trigger {
  readonly name: string;
  readonly sql: string;
}

interface CommitmentJson {
  readonly batch_id: string;
  readonly events_root: string;
  readonly sequence_start: number;
  readonly sequence_end: number;
  readonly event_count: number;
}

async function listed(client: LegacyClient): Promise<CommitmentJson[]> {
  return (await client.service.get(`/api/v1/commitments?${client.query}&status=all`)).json.commitments;
}

/** One chain from number 1 without a gap, every root recomputed from the events as clients read them. */
async function checkLegacyChain(client: LegacyClient): Promise<CommitmentJson[]> {
  const leaves = await client.leaves();
  const commitments = await listed(client);
  let end = 0;
  for (const { sequence_start, sequence_end, event_count, events_root } of commitments) {
    expect([sequence_start, event_count]).toEqual([end + 1, sequence_end - sequence_start + 1]);
    expect(events_root).toBe(modelLegacyRoot(leaves.slice(sequence_start - 1, sequence_end)).toString("hex"));
    end = sequence_end;
  }
  return commitments;
}

describe("legacy commitments", () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService(OFF);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  async function clientWith(events: number): Promise<LegacyClient> {
    const client = new LegacyClient(service);
    for (let left = events; left > 0; left -= 500) await client.ingest(client.events(Math.min(500, left)));
    return client;
  }

  it("have the original's members, one chain, and the state of the stream's entities", async () => {
    const agent = await service.agent();
    const client = new LegacyClient(service, agent.tenantId, agent.storeId);
    const order = (entity_id: string) => client.event({ entity_id });
    await client.ingest([order("b"), order("a"), order("b")]);
    await agent.ingest([agent.sign({ entityId: "a" })]);
    await client.ingest([order("é"), client.event({ entity_type: "customer", entity_id: "z" })]);
    await agent.ingest([agent.sign({ entityId: "later" })]);
    const log = (await service.get(`/api/v1/log?${client.query}&limit=1000`)).json.entries;
    // Made after the later events, and yet of the state right after its own last one.
    const first = (await client.commit(1, 3)).json;
    const second = (await client.commit(4, 5)).json;
    expect(Object.keys(first)).toEqual([
      ...["batch_id", "tenant_id", "store_id", "prev_state_root", "new_state_root", "events_root", "event_count"],
      ...["sequence_start", "sequence_end", "committed_at"],
    ]);
    expect(first).toMatchObject({ event_count: 3, sequence_start: 1, sequence_end: 3 });
    const leaves = await client.leaves();
    expect(first.events_root).toBe(modelLegacyRoot(leaves.slice(0, 3)).toString("hex"));
    expect(first.prev_state_root).toBe("00".repeat(32));
    expect(second.prev_state_root).toBe(first.new_state_root);
    const upTo = (kind: string, number: number) => {
      const last = log.findIndex(
        (entry: { kind: string; sequence_number: number }) => entry.kind === kind && entry.sequence_number === number,
      );
      return log.slice(0, last + 1).map(({ event }: { event: object }) => event);
    };
    expect(first.new_state_root).toBe(modelLegacyStateRoot(client, upTo("event", 3)).toString("hex"));
    expect(second.new_state_root).toBe(modelLegacyStateRoot(client, upTo("event", 5)).toString("hex"));

    const shown = (await service.get(`/api/v1/commitments/${first.batch_id}`)).json;
    expect(shown).toEqual({
      ...{ batch_id: first.batch_id, tenant_id: client.tenantId, store_id: client.storeId },
      prev_state_root: [...bytes(first.prev_state_root)],
      new_state_root: [...bytes(first.new_state_root)],
      events_root: [...bytes(first.events_root)],
      ...{ event_count: 3, sequence_range: [1, 3], committed_at: first.committed_at, chain_tx_hash: null },
    });
    const list = (await service.get(`/api/v1/commitments?${client.query}`)).json;
    const { prev_state_root: _, new_state_root: __, ...facts } = first;
    expect(list.commitments[0]).toEqual({ ...facts, is_anchored: false });
    expect(list.count).toBe(2);
    // The VES events of the same stream have a chain of their own.
    expect((await service.get(`/api/v1/ves/commitments?${client.query}&status=all`)).json.count).toBe(0);
    expect((await service.get(`/api/v1/ves/commitments/${first.batch_id}`)).json.code).toBe("BATCH_NOT_FOUND");
  });

  it("of the same range are the same; a gap, an overlap, a bad range or missing events are refused", async () => {
    const client = await clientWith(10);
    const check = async (start: number, end: number, status: number, code: string) => {
      const refused = await client.commit(start, end);
      expect([refused.status, refused.json.code, start, end]).toEqual([status, code, start, end]);
    };
    await check(2, 10, 409, "SEQUENCE_GAP");
    await check(0, 5, 400, "INVALID_FIELD_VALUE");
    await check(5, 4, 400, "INVALID_FIELD_VALUE");
    await check(1, 11, 409, "SEQUENCE_GAP");
    expect(await listed(client)).toEqual([]);
    const made = await client.commit(1, 5);
    expect((await client.commit(1, 5)).text).toBe(made.text);
    await check(1, 6, 409, "ALREADY_EXISTS");
    await check(3, 8, 409, "ALREADY_EXISTS");
    await check(7, 8, 409, "SEQUENCE_GAP");
    const next = await service.post("/api/v1/commitments", { tenant_id: client.tenantId, store_id: client.storeId });
    expect(next.json).toMatchObject({ sequence_start: 6, sequence_end: 10 });
    expect(await checkLegacyChain(client)).toHaveLength(2);
  });

  it("asked for by many at once come out as one chain", async () => {
    const client = await clientWith(40);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        at % 2 === 0
          ? client.commit(1, 20)
          : service.post("/api/v1/commitments", {
              tenant_id: client.tenantId,
              store_id: client.storeId,
              max_events: 7,
            }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    await checkLegacyChain(client);
  });

  it("prove every event of every size, with a verifier that only knows the text of the protocol", async () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17, 31, 33];
    const client = await clientWith(sizes.reduce((sum, size) => sum + size, 0));
    const leaves = await client.leaves();
    let start = 1;
    for (const size of sizes) {
      const { batch_id, events_root } = (await client.commit(start, start + size - 1)).json;
      for (let index = 0; index < size; index++) {
        const number = start + index;
        const named = `/api/v1/proofs/${number}?${client.query}${index % 2 === 0 ? `&batch_id=${batch_id}` : ""}`;
        const proof = (await service.get(named)).json;
        const leaf = leaves[number - 1]!;
        expect(proof).toMatchObject({
          sequence_number: number,
          batch_id,
          events_root,
          leaf_index: index,
          leaf_count: size,
        });
        expect(proof.leaf_hash).toBe(leaf.toString("hex"));
        expect(proof.directions).toHaveLength(proof.proof_path.length);
        const root = legacyClimb(leaf, index, size, proof.proof_path.map(bytes));
        expect(root?.toString("hex")).toBe(events_root);
        // As existing clients send it: without the number of leaves.
        const { leaf_hash, proof_path, leaf_index } = proof;
        for (const more of [{}, { leaf_count: size }]) {
          const sent = { leaf_hash, events_root, proof_path, leaf_index, ...more };
          const { json } = await service.post("/api/v1/proofs/verify", sent);
          expect(json).toEqual({ valid: true, leaf_hash, events_root });
        }
      }
      start += size;
    }
  });

  it("refuse forged proofs and say why of malformed ones", async () => {
    const client = await clientWith(6);
    await client.commit(1, 6);
    const { leaf_hash, events_root, proof_path, leaf_index } = (await service.get(`/api/v1/proofs/5?${client.query}`))
      .json;
    const proof = { leaf_hash, events_root, proof_path, leaf_index };
    const verify = (change: object): Promise<Answer> => service.post("/api/v1/proofs/verify", { ...proof, ...change });
    const forged = [
      { leaf_index: 3 },
      { leaf_count: 7 },
      { leaf_count: 5 },
      { leaf_hash: events_root },
      { events_root: leaf_hash },
      { proof_path: [...proof_path, leaf_hash] },
      { proof_path: proof_path.slice(1) },
    ];
    for (const change of forged) expect((await verify(change)).json.valid, JSON.stringify(change)).toBe(false);
    const malformed = [
      { leaf_hash: `0x${leaf_hash}` },
      { events_root: "ab" },
      { proof_path: ["zz"] },
      { proof_path: Array(65).fill(leaf_hash) },
    ];
    for (const change of malformed) {
      const refused = await verify(change);
      expect([refused.status, refused.json.code]).toEqual([400, "INVALID_FIELD_VALUE"]);
    }
    expect((await verify({ leaf_index: -1 })).status).toBe(422);
    const uncommitted = (await client.ingest([client.event()])).json.head_sequence;
    expect((await service.get(`/api/v1/proofs/${uncommitted}?${client.query}`)).json.code).toBe("BATCH_NOT_FOUND");
    const [made] = await listed(client);
    const outside = await service.get(`/api/v1/proofs/${uncommitted}?${client.query}&batch_id=${made!.batch_id}`);
    expect([outside.status, outside.json.error.message]).toEqual([400, "Sequence number not in commitment range"]);
  });

  it("do not exist for who may not see their stream", async () => {
    const client = await clientWith(2);
    const { batch_id } = (await client.commit(1, 2)).json;
    const stranger = await service.apiKey({ tenantId: uuid(), permissions: "admin" });
    const reader = await service.apiKey({ tenantId: client.tenantId, permissions: "read" });
    expect((await service.get(`/api/v1/commitments/${batch_id}`, stranger)).json.code).toBe("BATCH_NOT_FOUND");
    expect((await service.get(`/api/v1/commitments?${client.query}`, stranger)).status).toBe(403);
    expect((await service.get(`/api/v1/proofs/1?${client.query}`, stranger)).status).toBe(403);
    const foreign = new LegacyClient(service);
    const crossed = await service.get(`/api/v1/proofs/1?${foreign.query}&batch_id=${batch_id}`);
    expect(crossed.json.code).toBe("BATCH_NOT_FOUND");
    expect((await client.commit(1, 2, reader)).json.error.message).toBe("Write permission required");
    expect((await service.get(`/api/v1/proofs/1?${client.query}`, reader)).status).toBe(200);
  });
});

describe("legacy events and crashes", () => {
  it.each(["lane.begun", "lane.written", "lane.committed", "lane.answered"])(
    "a crash at %s loses nothing acknowledged and repeats nothing",
    async (point) => {
      await using service = await startService(OFF);
      const client = new LegacyClient(service);
      const acknowledged = client.events(3);
      expect((await client.ingest(acknowledged)).json.events_accepted).toBe(3);
      const first = await client.commit(1, 2);
      await service.process.kill();
      await service.startAgain({ CRASH_POINT: point });
      const unsure = client.events(2);
      const answered = await client.ingest(unsure).catch(() => null);
      await service.process.exited;
      await service.startAgain();
      // The client does not know: it sends the same again, and both are there once.
      const again = await client.ingest(unsure);
      if (answered !== null) expect(again.json.events_accepted).toBe(0);
      expect(again.json.head_sequence).toBe(5);
      const ids = (await client.stored()).map(({ event_id }) => event_id);
      expect(ids).toEqual([...acknowledged, ...unsure].map(({ event_id }) => event_id));
      expect((await client.commit(1, 2)).text).toBe(first.text);
      await client.commit(3, 5);
      expect(await checkLegacyChain(client)).toHaveLength(2);
      const { code } = await runMain(["verify-log", "--json", "--data-dir", service.folder]);
      expect(code).toBe(0);
    },
  );

  it("SIGKILL at random moments, with commitments by threshold, leaves one whole chain", async () => {
    await using service = await startService({
      ...{ VES_COMMIT_EVENTS_THRESHOLD: "30", VES_COMMIT_AGE_SECS: "1", VES_COMMIT_INTERVAL_MS: "10" },
    });
    const clients = [new LegacyClient(service), new LegacyClient(service)];
    const acknowledged = new Map<string, number>();
    for (let crash = 0; crash < 3; crash++) {
      let isUp = true;
      const work = clients.map(async (client) => {
        while (isUp) {
          const events = client.events(7);
          const answer = await client.ingest(events).catch(() => delay(5));
          if (answer?.json?.events_accepted !== 7) continue;
          const start = answer.json.assigned_sequence_start as number;
          for (const [at, { event_id }] of events.entries()) acknowledged.set(event_id, start + at);
        }
      });
      const before = acknowledged.size;
      for (let waits = 0; acknowledged.size < before + 50 && waits < 1000; waits++) await delay(10);
      await service.process.kill();
      isUp = false;
      await Promise.all(work);
      await service.startAgain();
    }
    for (const client of clients) {
      const stored = await client.stored();
      expect(stored.map(({ sequence_number }) => sequence_number)).toEqual(stored.map((_, at) => at + 1));
      const numbers = new Map(stored.map(({ event_id, sequence_number }) => [event_id, sequence_number]));
      for (const [id, number] of acknowledged) if (numbers.has(id)) expect(numbers.get(id)).toBe(number);
      for (let waits = 0; (await listed(client)).at(-1)?.sequence_end !== stored.length && waits < 3_000; waits++)
        await delay(20);
      expect((await checkLegacyChain(client)).at(-1)?.sequence_end).toBe(stored.length);
    }
    const all = await Promise.all(clients.map((client) => client.stored()));
    const ids = new Set(all.flat().map(({ event_id }) => event_id));
    for (const id of acknowledged.keys()) expect(ids.has(id)).toBe(true);
    expect((await runMain(["verify-log", "--json", "--data-dir", service.folder])).code).toBe(0);
  });
});

describe("verify-log and backups of a log with both kinds", () => {
  const base = mkdtempSync(join(tmpdir(), "sequencer-legacy-audit-"));
  const copy = join(base, "sound.db");

  beforeAll(async () => {
    await using service = await startService(OFF);
    const agent = await service.agent();
    const client = new LegacyClient(service, agent.tenantId, agent.storeId);
    await service.post("/api/v1/ves/events/ingest", signBatch(agent, 5).body);
    await client.ingest([...client.events(3), client.event({ entity_id: "e", base_version: 0, command_id: uuid() })]);
    await agent.ingest([agent.sign({ entityId: "e", baseVersion: 1 })]);
    await client.ingest([client.event({ entity_id: "e", base_version: 2, signature: [1, 2, 3] })]);
    await client.commit(1, 2);
    await client.commit(3, 5);
    const { code } = await runMain(["backup", copy, "--data-dir", service.folder]);
    expect(code).toBe(0);
  });
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  const audit = async (path: string) =>
    (await auditLog({ path, withSignatures: true, threads: 1, headMin: 0, onProgress: () => {} })).findings;

  it("finds the backup sound", async () => {
    expect(await audit(copy)).toEqual([]);
  });

  const replace = (from: string, to: string, offset: number): string =>
    `UPDATE entries SET envelope = CAST(replace(CAST(envelope AS TEXT), '${from}', '${to}') AS BLOB) WHERE offset = ${offset}`;

  it.each<[string, string, number | null, RegExp]>([
    ["a payload", replace('"at":0', '"at":9', 5), 5, /payload does not match its hash/],
    ["a payload's form", replace('"at":1', '"at": 1', 6), 6, /payload is not in its stored form/],
    ["a time", replace('"created_at":"2025', '"created_at":"2024', 5), 5, /signing_hash is not/],
    ["an event type", replace("order.created", "order.removed", 5), 5, /event type/],
    ["a signature that nobody verified", replace("[1,2,3]", "[1,2,4]", 10), 10, /checksum/],
    ["a version asked for", replace('"base_version":2', '"base_version":1', 10), 10, /checksum|asks for/],
    ["a payload hash", "UPDATE entries SET payload_hash = randomblob(32) WHERE offset = 6", 6, /payload_hash is not/],
    ["an event hash", "UPDATE entries SET signing_hash = randomblob(32) WHERE offset = 6", 6, /signing_hash is not/],
    ["a receipt", "UPDATE entries SET receipt_signature = randomblob(64) WHERE offset = 7", 7, /receipt's signature/],
    ["a number", "UPDATE entries SET sequence_number = 99 WHERE offset = 7", 7, /receipt's signature/],
    ["a head", "UPDATE streams SET legacy_head = 6", null, /its legacy entries end at 5/],
    ["the commands gone", "DELETE FROM legacy_commands", 8, /command id is not stored/],
    [
      "a command too many",
      "INSERT INTO legacy_commands VALUES (1, randomblob(16))",
      null,
      /2 command ids are stored, 1/,
    ],
    [
      "an events root",
      "UPDATE legacy_commitments SET merkle_root = randomblob(32) WHERE ref = 2",
      null,
      /3 to 5: its events root/,
    ],
    [
      "a state root",
      "UPDATE legacy_commitments SET new_state_root = randomblob(32) WHERE ref = 2",
      null,
      /its state root is not/,
    ],
    [
      "a chain",
      "UPDATE legacy_commitments SET prev_state_root = randomblob(32) WHERE ref = 2",
      null,
      /its previous state root/,
    ],
    ["a commitment gone", "DELETE FROM legacy_commitments WHERE ref = 2", null, /its legacy commitments end at 2/],
    ["a first commitment gone", "DELETE FROM legacy_commitments WHERE ref = 1", null, /does not start behind/],
  ])("names %s", async (_, sql, offset, message) => {
    const path = join(base, `${uuid()}.db`);
    const source = new Database(copy, { readonly: true });
    await source.backup(path);
    source.close();
    const db = new Database(path);
    const guards = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as Trigger[];
    for (const { name } of guards) db.exec(`DROP TRIGGER ${name}`);
    db.exec(sql);
    for (const guard of guards) db.exec(guard.sql);
    db.close();
    const [first] = await audit(path);
    expect(first?.message).toMatch(message);
    expect(first?.offset).toBe(offset);
  });

  it("the store itself refuses what would change a legacy event or its chain", () => {
    const db = new Database(copy);
    const statements = [
      "UPDATE entries SET payload_hash = randomblob(32)",
      "DELETE FROM entries",
      "DELETE FROM legacy_commitments",
      "UPDATE legacy_commitments SET new_state_root = randomblob(32)",
      `INSERT INTO legacy_commitments (batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root,
         new_state_root, committed_at_ms) VALUES (randomblob(16), 1, 5, 5, randomblob(32), randomblob(32), randomblob(32), 1)`,
    ];
    for (const sql of statements) expect(() => db.exec(sql), sql).toThrow(/append-only|must follow/);
    db.close();
  });
});
