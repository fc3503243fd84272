/** A log of before places had tables of their own: it is upgraded where it stands, and read, backed up and audited where it is not. */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { databasePath, openReaderOf } from "../../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../../src/store/sqlite/log-reader.js";
import { LegacyClient } from "../support/legacy-client.js";
import { setBackLog } from "../support/old-log.js";
import { runMain } from "../support/run-main.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { complianceSubmission } from "../support/stark-proofs.js";

const OFF = { VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" };
const POLICY = { policyId: "order_total.cap", policyParams: { cap: 10_000 } };

describe("a log of before there were places", () => {
  const base = mkdtempSync(join(tmpdir(), "sequencer-places-upgrade-"));
  const old = join(base, "old.db");
  let service: TestService;
  let agent: TestAgent;
  let client: LegacyClient;
  let events: EventEnvelope[];
  let legacy: ReturnType<LegacyClient["events"]>;
  let receipts: unknown;
  let pages: string[];

  const proofs = (event: EventEnvelope) => `/api/v1/ves/compliance/${event.event_id}`;
  const prove = async (event: EventEnvelope) => {
    const inputs = await service.post(`${proofs(event)}/inputs`, POLICY);
    return service.post(`${proofs(event)}/proofs`, complianceSubmission(inputs, 5000n));
  };
  const commit = (start: number, end: number) =>
    service.post("/api/v1/ves/commitments", {
      ...{ tenant_id: agent.tenantId, store_id: agent.storeId, sequence_start: start, sequence_end: end },
    });
  const read = async () => {
    const stream = `tenant_id=${agent.tenantId}&store_id=${agent.storeId}`;
    const paths = [
      `/api/v1/log?from=0&limit=100`,
      `/api/v1/ves/events?${stream}&from=1&limit=100`,
      `/api/v1/ves/events?${stream}&from=4&limit=2`,
      `/api/v1/events?${client.query}&from=2&limit=3`,
      ...events.map((event) => `/api/v1/ves/events/${event.event_id}`),
    ];
    const answers = [];
    for (const path of paths) {
      const { status, text } = await service.get(path);
      answers.push(`${path}: ${status} ${text}`);
    }
    return answers;
  };
  const findings = async (path: string) =>
    (await auditLog({ path, withSignatures: true, threads: 1, headMin: 20, onProgress: () => {} })).findings;

  beforeAll(async () => {
    service = await startService(OFF);
    agent = await service.agent();
    client = new LegacyClient(service, agent.tenantId, agent.storeId);
    events = Array.from({ length: 12 }, () => agent.sign());
    legacy = client.events(8);
    receipts = (await agent.ingest(events)).json.receipts;
    expect((await client.ingest(legacy)).status).toBe(200);
    expect((await commit(1, 5)).status).toBe(200);
    expect((await client.commit(1, 3)).status).toBe(200);
    expect((await prove(events[0]!)).status).toBeLessThan(300);
    pages = await read();
    for (const page of pages) expect(page).toMatch(/^[^ ]+: 200 /);
    expect(await service.process.stop()).toBe(0);
    setBackLog(databasePath(service.folder), old);
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    rmSync(base, { recursive: true, force: true });
  });

  it("is found sound as it is, and read by id and by number", async () => {
    expect(await findings(old)).toEqual([]);
    const db = openReaderOf(old);
    const reader = new SqliteLogReader(db, 1 << 20);
    const { tenantId, storeId } = agent;
    for (const { event_id: id } of events) expect(reader.entryByEventId(id)).toMatchObject({ kind: "ves_event" });
    const page = reader.streamPage({ tenantId, storeId, fromSequence: 3, limit: 4 });
    expect(page.entries.map(({ sequenceNumber }) => sequenceNumber)).toEqual([3, 4, 5, 6]);
    const numbers = reader.legacyPage({ tenantId, storeId, fromSequence: 7, toSequence: 9 });
    expect(numbers.map(({ sequenceNumber }) => sequenceNumber)).toEqual([7, 8]);
    db.close();
  });

  it("is upgraded by the first start: the same reads, replays, commitments and proofs, and then more of all", async () => {
    for (const suffix of ["-wal", "-shm"]) rmSync(databasePath(service.folder) + suffix, { force: true });
    copyFileSync(old, databasePath(service.folder));
    await service.startAgain();
    expect(await read()).toEqual(pages);

    const again = await agent.ingest(events);
    expect(again.status).toBe(200);
    expect(again.json.receipts).toEqual(receipts);
    expect((await client.ingest(legacy)).status).toBe(200);
    expect((await service.get("/api/v1/head")).json.next_offset).toBe(20);
    const other = agent.sign({ eventId: events[3]!.event_id });
    expect((await agent.ingest([other])).json.eventsRejected).toBe(1);

    // One whose event is in the tables since the upgrade, one whose event came after it.
    const later = [agent.sign(), agent.sign()];
    expect((await agent.ingest(later)).json.eventsRejected).toBe(0);
    for (const event of [events[1]!, later[0]!]) expect((await prove(event)).status).toBeLessThan(300);
    expect((await commit(6, 13)).status).toBe(200);
    expect((await client.ingest(client.events(2))).status).toBe(200);
    expect((await client.commit(4, 9)).status).toBe(200);

    const backup = join(base, "backup.db");
    expect((await runMain(["backup", backup, "--data-dir", service.folder])).code).toBe(0);
    expect(await service.process.stop()).toBe(0);
    for (const path of [databasePath(service.folder), backup]) expect(await findings(path)).toEqual([]);
    const db = openReaderOf(backup);
    const indexes = db
      .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'entries_by_%' ORDER BY name")
      .pluck()
      .all();
    expect(indexes).toEqual(["entries_by_entity"]);
    db.close();
  });
});
