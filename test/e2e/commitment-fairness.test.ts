/**
 * A tenant keeps the one thread that builds trees busy: each tree it asks for takes long. What counts is how many of those are
 * built before another tenant has its own, not how long that takes.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { uuidToBytes } from "../../src/base/ids.js";
import { listCommitments } from "../support/commitment-check.js";
import { agentWith, commit } from "../support/commitment-maker.js";
import { LegacyClient } from "../support/legacy-client.js";
import { type Answer, startService, type TestService } from "../support/service.js";

const BUILDS_MAX = 16;
/** Of the places that are free it may hold three times as many. */
const SHARE = (BUILDS_MAX * 3) / 4;
const THRESHOLD = 100;
const ENTITIES = 50_000;
const SETTINGS = {
  VES_COMMIT_BUILDS_MAX: String(BUILDS_MAX),
  VES_COMMIT_EVENTS_THRESHOLD: String(THRESHOLD),
  VES_COMMIT_AGE_SECS: "0",
  VES_COMMIT_INTERVAL_MS: "20",
};

/** A stream of very many entities: every legacy commitment's state root is of all of them. */
async function costlyStream(service: TestService): Promise<LegacyClient> {
  const client = new LegacyClient(service);
  await client.ingest(client.events(THRESHOLD - 1));
  const db = new Database(join(service.folder, "sequencer.db"));
  const stream = db
    .prepare("SELECT ref FROM streams WHERE tenant_id = ? AND store_id = ?")
    .pluck()
    .get(uuidToBytes(client.tenantId), uuidToBytes(client.storeId));
  db.prepare(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ENTITIES})
     INSERT INTO entities (stream_ref, entity_type, entity_id, version) SELECT ?, 'order', 'e' || i, 1 FROM n`,
  ).run(stream);
  db.close();
  return client;
}

/** Ranges with one beginning and many ends: a tree for each, though only one of them can be committed. */
class Backlog {
  readonly answers: Answer[] = [];
  readonly all: Promise<unknown>;

  constructor(client: LegacyClient, from: number, key: string) {
    const requests = Array.from({ length: 2 * BUILDS_MAX }, async (_, i) => {
      this.answers.push(await client.commit(from, from + i, key));
    });
    this.all = Promise.allSettled(requests);
  }

  count(status: number): number {
    return this.answers.filter((answer) => answer.status === status).length;
  }

  /** Trees that were built. */
  get built(): number {
    return this.count(200) + this.count(409);
  }
}

describe("while a tenant has a backlog of trees", () => {
  let service: TestService;
  let bad: LegacyClient;
  let badKey: string;

  beforeAll(async () => {
    service = await startService(SETTINGS);
    bad = await costlyStream(service);
    badKey = await service.apiKey({ tenantId: bad.tenantId, permissions: "read_write" });
  });

  afterAll(() => service[Symbol.asyncDispose]());

  async function backlog(): Promise<Backlog> {
    const listed = await service.get(`/api/v1/commitments?${bad.query}&status=all`);
    const found = new Backlog(bad, (listed.json.commitments.at(-1)?.sequence_end ?? 0) + 1, badKey);
    await expect.poll(() => found.answers.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(BUILDS_MAX);
    return found;
  }

  it("it is held to its share, and another's commitment and proof wait for a turn of it", async () => {
    const good = await agentWith(service, 3);
    const key = await service.apiKey({ tenantId: good.tenantId, permissions: "read_write" });
    const flood = await backlog();
    for (const number of [1, 2, 3]) {
      const before = flood.built;
      expect((await commit(service, good, number, number, key)).status).toBe(200);
      expect(flood.built - before).toBeLessThanOrEqual(3);
    }
    expect(flood.built).toBeLessThan(SHARE);
    await flood.all;
    expect(flood.count(200)).toBe(1);
    expect(flood.count(429)).toBeGreaterThan(BUILDS_MAX);
    expect(flood.built + flood.count(429)).toBe(2 * BUILDS_MAX);
  });

  it("what is due is committed by itself, and an end of the service waits for neither", async () => {
    const flood = await backlog();
    const good = await agentWith(service, THRESHOLD);
    await expect.poll(async () => (await listCommitments(service, good)).length, { timeout: 30_000 }).toBe(1);
    expect(flood.built).toBeLessThan(SHARE);
    service.process.signal("SIGTERM");
    expect(await service.process.exited).toBe(0);
    await flood.all;
  });
});
