/** One entity's legacy events among thousands: every page of them, and how little is read to get there. */
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../../src/store/sqlite/log-reader.js";
import { LegacyClient } from "../support/legacy-client.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";

/** Rows of the index between two places that are remembered. */
const MARK_EVERY = 1024;
/** More than two of those, with other events in between. */
const ROUNDS = 7;
const EVENTS_PER_ROUND = 400;
/** Of a round's events every so many are another entity's, so that the wanted one's numbers have gaps. */
const OTHER_EVERY = 5;
const LIMIT_MAX = 100;

/** Steps of a query plan: the one row with the entity's name, and its events by their index and offset. */
const ENTITY_BY_REF = "SEARCH n USING INTEGER PRIMARY KEY (rowid=?)";
const FROM_A_PLACE_ON =
  /^SEARCH \w+ USING (COVERING )?INDEX entries_by_entity \(entity_ref=\? AND kind=\? AND rowid>\?\)$/;

let service: TestService;
let agent: TestAgent;
let legacy: LegacyClient;
/** Ids of the entity's legacy events, in order. */
const history: string[] = [];

/** Events of both kinds and of several entities; of the wanted one most, and its VES events among them. */
async function ingestRound(): Promise<void> {
  const events = Array.from({ length: EVENTS_PER_ROUND }, (_, at) =>
    legacy.event({ entity_id: at % OTHER_EVERY === 0 ? "other" : "wanted" }),
  );
  expect((await legacy.ingest(events)).json).toMatchObject({ events_accepted: EVENTS_PER_ROUND });
  history.push(...events.filter(({ entity_id }) => entity_id === "wanted").map(({ event_id }) => event_id));
  const signed = Array.from({ length: 50 }, () => agent.sign({ entityType: "order", entityId: "wanted" }));
  expect((await agent.ingest(signed)).json).toMatchObject({ eventsAccepted: signed.length });
}

beforeAll(async () => {
  service = await startService();
  agent = await service.agent();
  legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
  for (let round = 0; round < ROUNDS; round++) await ingestRound();
  expect(history.length).toBeGreaterThan(2 * MARK_EVERY);
});
afterAll(() => service[Symbol.asyncDispose]());

interface History {
  readonly events: readonly { readonly envelope: { readonly event_id: string } }[];
}

async function read(from: number, limit: number): Promise<object> {
  const query = `${legacy.query}&from=${from}&limit=${limit}`;
  const { events, ...members } = (await service.get(`/api/v1/entities/order/wanted?${query}`)).json as History;
  return { ...members, ids: events.map(({ envelope }) => envelope.event_id) };
}

function expected(from: number, limit: number): object {
  const ids = history.slice(from, from + limit);
  const total = history.length;
  return {
    ...{ entity_type: "order", entity_id: "wanted", count: ids.length, total, has_more: from + ids.length < total },
    ids,
  };
}

const anyFrom = () =>
  fc.oneof(
    fc.nat(history.length + 10),
    fc.tuple(fc.nat(3), fc.integer({ min: -1, max: 1 })).map(([mark, by]) => Math.max(0, mark * MARK_EVERY + by)),
    fc.constant(Number.MAX_SAFE_INTEGER),
  );

it("has the events from any position on, and how many there are, also of those that came since", async () => {
  const property = fc.asyncProperty(anyFrom(), fc.integer({ min: 1, max: LIMIT_MAX }), async (from, limit) => {
    expect(await read(from, limit)).toEqual(expected(from, limit));
  });
  for (let round = 0; round < 3; round++) {
    await fc.assert(property, { seed: TEST_SEED + round, numRuns: 100 });
    await ingestRound();
  }
  expect(await read(history.length - 1, 5)).toEqual(expected(history.length - 1, 5));
});

it("is found by its index, from a place that is remembered: no ask steps over the events before", () => {
  const statements: string[] = [];
  const options = { readonly: true, verbose: (sql: unknown) => void statements.push(String(sql)) };
  using db = Object.assign(new Database(databasePath(service.folder), options), { [Symbol.dispose]: () => db.close() });
  const reader = new SqliteLogReader(db, 1 << 20);
  const entity = { tenantId: agent.tenantId, storeId: agent.storeId, entityType: "order", entityId: "wanted" };
  const ask = (from: number): string[] => {
    statements.length = 0;
    const { entries, total } = reader.legacyHistory(entity, from, LIMIT_MAX);
    expect([entries.length, total]).toEqual([Math.min(LIMIT_MAX, history.length - from), history.length]);
    return statements.filter((sql) => sql.includes("kind = 1") && sql.includes("entity_ref"));
  };
  ask(0);
  for (const from of [0, 1, MARK_EVERY - 1, MARK_EVERY, 2 * MARK_EVERY + 7, history.length - 1]) {
    const asked = ask(from);
    // Is there another mark, how many events follow the last one, where is the first that is wanted, and the page.
    expect(asked).toHaveLength(4);
    for (const sql of asked) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[];
      const ofEntries = plan.map(({ detail }) => detail).filter((detail) => !detail.startsWith(ENTITY_BY_REF));
      expect(ofEntries).toEqual([expect.stringMatching(FROM_A_PLACE_ON)]);
      expect(rowsSteppedOver(db, sql)).toBeLessThanOrEqual(MARK_EVERY);
    }
  }
});

/** Of the index, by a statement as it ran: what it skips, or all that it counts. */
function rowsSteppedOver(db: Database.Database, sql: string): number {
  if (sql.includes("count(*)")) return db.prepare(sql).pluck().get() as number;
  return Number(/OFFSET (\d+)/.exec(sql)?.[1] ?? 0);
}
