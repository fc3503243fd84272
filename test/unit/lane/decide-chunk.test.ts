import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import type { Uuid } from "../../../src/base/ids.js";
import type { LaneContext } from "../../../src/lane/chunk.js";
import { commitChunk } from "../../../src/lane/commit-chunk.js";
import { cutChunk } from "../../../src/lane/cut-chunk.js";
import type { LaneAnswer, LaneItem } from "../../../src/lane/lane-item.js";
import type { AgentKey, ApiKey, LaneStore } from "../../../src/store/contract.js";
import { openWriter } from "../../../src/store/sqlite/connection.js";
import { SqliteLaneStore } from "../../../src/store/sqlite/lane-store.js";
import { openLogIdentity } from "../../../src/store/sqlite/log-identity.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { Random } from "../../support/fuzz/random.js";
import { laneItems, STALE_EPOCH } from "../../support/lane-items.js";
import { LaneModel } from "../../support/lane-model.js";
import { TEST_SEED } from "../../support/seed.js";

/** The lane's decisions on the real store, judged by a model of ves-protocol §5-6; chunks may be cut anywhere. */

const SEQUENCES = Number(process.env.LANE_SEQUENCES ?? 6);
const ITEMS = 60;
const NOW_MS = 1_750_000_000_000;

const ed25519 = selectEd25519();
const seed = new Uint8Array(32).fill(7);
const sequencer = { sequencerId: "11111111-1111-4111-8111-111111111111" as Uuid, publicKey: ed25519.publicKey(seed) };
const sign = (hash: Uint8Array): Uint8Array => ed25519.sign(hash, seed);

interface TestLane extends AsyncDisposable {
  readonly store: LaneStore;
  readonly db: Database.Database;
  /** Every table, as text. */
  dump(): string;
}

function openLane(): TestLane {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-lane-"));
  const db = openWriter(folder);
  migrate(db, migrationsPath("sqlite"), NOW_MS);
  const identity = openLogIdentity(db, "22222222-2222-4222-8222-222222222222" as Uuid, NOW_MS);
  const store = new SqliteLaneStore({ db, identity, sequencer, rejectionsKeptMax: 1_000_000 });
  return { store, db, dump: () => dumpOf(db), [Symbol.asyncDispose]: () => close(store, folder) };
}

async function close(store: LaneStore, folder: string): Promise<void> {
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}

function dumpOf(db: Database.Database): string {
  const names = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all() as string[];
  // Recent places come a row per chunk: what the rows say one behind the other is the same.
  const placesOf =
    "SELECT CAST(group_concat(places, '') AS BLOB) FROM (SELECT * FROM recent_places ORDER BY last_offset)";
  const rowsOf = (name: string) => (name === "recent_places" ? placesOf : `SELECT * FROM "${name}"`);
  const rows = names.map((name) => [name, db.prepare(rowsOf(name)).raw().all()]);
  return JSON.stringify(rows, (_, value) =>
    value?.type === "Buffer" ? Buffer.from(value.data).toString("hex") : value,
  );
}

interface Run {
  readonly answers: readonly LaneAnswer[];
  readonly frames: string;
  readonly offsets: readonly number[];
}

/** What verification knows of keys, from one feed to the next. */
interface KeyNews {
  readonly revoked: Set<string>;
  epoch: number;
}

const noNews = (): KeyNews => ({ revoked: new Set(), epoch: 0 });

/** Feeds the items in chunks of the given sizes. Requests whose keys were current at their chunk's start may say so. */
async function feed(
  store: LaneStore,
  items: readonly LaneItem[],
  chunkEvents: () => number,
  keys: KeyNews = noNews(),
): Promise<Run> {
  const queue = [...items];
  const answers: LaneAnswer[] = [];
  const frames: Uint8Array[] = [];
  const offsets: number[] = [];
  while (queue.length > 0) {
    const chunk = cutChunk(queue, chunkEvents()).map((item) => withEpoch(item, keys.revoked, keys.epoch));
    const context: LaneContext = { nowMs: NOW_MS, sequencer, sign, keyEpoch: keys.epoch };
    const outcome = await commitChunk(store, chunk, context);
    answers.push(...outcome.answers);
    for (const { offset, frame } of outcome.entries) {
      offsets.push(offset);
      frames.push(frame);
    }
    if (outcome.hasRevocations) keys.epoch++;
    for (const item of chunk) {
      if (item.kind === "revoke_agent_key" && item.ref.purpose === 1) keys.revoked.add(keyName(item.ref));
    }
  }
  return { answers, frames: Buffer.concat(frames).toString("latin1"), offsets };
}

const keyName = (ref: { tenantId: string; agentId: string; keyId: number }): string =>
  ref.tenantId + ref.agentId + ref.keyId;

/** What verification would have said: the present epoch if no key of the request was revoked by then. */
function withEpoch(item: LaneItem, revoked: ReadonlySet<string>, epoch: number): LaneItem {
  if (item.kind !== "ingest" || item.request.requestId % 2 === 0) return item;
  const { request } = item;
  const isCurrent = request.events.every(
    (event) => event.stage !== "verified" || !revoked.has(keyName({ ...request, keyId: event.agentKeyId })),
  );
  return { kind: "ingest", request: { ...request, keyEpoch: isCurrent ? epoch : STALE_EPOCH } };
}

/** An answer in the words of the model. */
function wordsOf(answer: LaneAnswer): string {
  if (!answer.ok) return answer.code;
  if (!(answer.body instanceof Uint8Array))
    return "keyHash" in answer.body ? (answer.body as ApiKey).keyHash : `key ${(answer.body as AgentKey).keyId}`;
  const body = JSON.parse(Buffer.from(answer.body).toString());
  const refused = (body.rejections ?? []).map(
    (r: { event_id: string; message: string }) => `${r.event_id} ${r.message}`,
  );
  const receipts = (body.receipts ?? []).map(
    (r: { eventId: string; sequenceNumber: number }) => `${r.eventId} ${r.sequenceNumber}`,
  );
  if ("events_rejected" in body) {
    expect(body.events_rejected).toBe(refused.length);
    const { events_accepted: accepted, assigned_sequence_start: start, assigned_sequence_end: end } = body;
    return JSON.stringify({ accepted, start, end, head: body.head_sequence, refused, receipts: [] });
  }
  expect(body.eventsRejected).toBe(refused.length);
  const { eventsAccepted: accepted, sequenceStart: start, sequenceEnd: end, headSequence: head } = body;
  return JSON.stringify({ accepted, start, end, head, refused, receipts });
}

describe(`${SEQUENCES} random sequences, seed ${TEST_SEED}`, () => {
  it("every chunking gives the model's answers and the same log, bit for bit", async () => {
    const tally = { accepted: 0, replayed: 0, refused: 0 };
    for (let round = 0; round < SEQUENCES; round++) {
      const random = new Random(TEST_SEED + round);
      const items = laneItems(random, ITEMS);
      const model = new LaneModel();
      const expected = items.map((item) => model.decide(item));
      const dumps: string[] = [];
      const frames: string[] = [];
      const bodies: string[] = [];
      for (const chunkEvents of [() => 1, () => 1 + random.below(20), () => 1e9, () => 1e9]) {
        await using lane = openLane();
        const run = await feed(lane.store, items, chunkEvents);
        expect(run.answers.map(({ requestId }) => requestId)).toEqual(items.map((_, index) => index + 1));
        expect(run.answers.map(wordsOf)).toEqual(expected);
        expect(run.offsets).toEqual(model.log.map((_, offset) => offset));
        dumps.push(lane.dump());
        frames.push(run.frames);
        bodies.push(JSON.stringify(run.answers));
      }
      expect(new Set(dumps).size, `round ${round}: the stored rows differ by chunking`).toBe(1);
      expect(new Set(frames).size, `round ${round}: the frames differ by chunking`).toBe(1);
      expect(new Set(bodies).size, `round ${round}: the answers differ by chunking`).toBe(1);
      count(tally, expected);
    }
    for (const name of ["accepted", "replayed", "refused"] as const)
      expect(tally[name], name).toBeGreaterThan(SEQUENCES * 5);
  });

  it("a full disk refuses the whole chunk, leaves nothing, and the same work goes through later", async () => {
    const random = new Random(TEST_SEED);
    const items = laneItems(random, ITEMS);
    await using lane = openLane();
    await using roomy = openLane();
    const [first, second] = [items.slice(0, ITEMS / 2), items.slice(ITEMS / 2)];
    const [keys, roomyKeys]: KeyNews[] = [noNews(), noNews()];
    await feed(lane.store, first, () => 7, keys);
    const before = lane.dump();
    const pages = lane.db.pragma("page_count", { simple: true }) as number;
    lane.db.pragma(`max_page_count = ${pages}`);
    const filler = laneItems(new Random(TEST_SEED + 1), 400);
    const { answers, offsets } = await feed(lane.store, filler, () => 1e9);
    expect(answers.map(({ requestId }) => requestId)).toEqual(filler.map((_, index) => index + 1));
    expect(answers.every((answer) => !answer.ok && answer.code === "STORAGE_FULL")).toBe(true);
    expect(offsets).toEqual([]);
    expect(lane.dump()).toBe(before);
    lane.db.pragma("max_page_count = 1000000");
    const later = await feed(lane.store, second, () => 5, keys);
    await feed(roomy.store, first, () => 3, roomyKeys);
    expect(JSON.stringify(later.answers)).toBe(
      JSON.stringify((await feed(roomy.store, second, () => 1e9, roomyKeys)).answers),
    );
    expect(lane.dump()).toBe(roomy.dump());
  });
});

it("sequenced_at never runs backwards along the log, whatever the clock does", async () => {
  await using lane = openLane();
  const ingests = laneItems(new Random(TEST_SEED), 200).filter((item) => item.kind === "ingest");
  for (const [turn, item] of ingests.entries()) {
    const context: LaneContext = {
      nowMs: NOW_MS + [5, -3, 9, -100_000][turn % 4]! + turn,
      sequencer,
      sign,
      keyEpoch: 0,
    };
    await commitChunk(lane.store, [item], context);
  }
  const times = lane.db.prepare("SELECT sequenced_at_ms FROM entries ORDER BY offset").pluck().all() as number[];
  expect(times.length).toBeGreaterThan(20);
  expect(new Set(times).size).toBeGreaterThan(2);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

function count(tally: { accepted: number; replayed: number; refused: number }, answers: readonly string[]): void {
  for (const text of answers) {
    if (!text.startsWith("{")) continue;
    const { accepted, refused, receipts } = JSON.parse(text) as { accepted: number; refused: []; receipts: [] };
    tally.accepted += accepted;
    tally.replayed += Math.max(0, receipts.length - accepted);
    tally.refused += refused.length;
  }
}
