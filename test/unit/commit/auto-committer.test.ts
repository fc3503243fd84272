/** Which streams are found due and how much is looked at for that: on real rows, with a committer that only writes the row. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import { type Uuid, uuidFromBytes, uuidToBytes } from "../../../src/base/ids.js";
import { type AutoCommitThresholds, AutoCommitter } from "../../../src/commit/auto-committer.js";
import type { Committer } from "../../../src/commit/committer.js";
import type { CommitmentReader } from "../../../src/store/commitment-contract.js";
import { SqliteCommitmentReader } from "../../../src/store/sqlite/commitment-reader.js";
import type { Connection } from "../../../src/store/sqlite/connection.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";
import { sha256 } from "../../support/merkle-model.js";

const WAITING = 2500;
const AGE_MS = 60_000;

let folder: string;
let db: Connection;
let nowMs: number;
let sequencedAtMs: number;
let offset: number;
let entry: (ref: number, count?: number) => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "auto-commit-"));
  db = new Database(join(folder, "test.db"));
  for (const pragma of ["foreign_keys = OFF", "synchronous = OFF", "journal_mode = MEMORY"]) db.pragma(pragma);
  migrate(db, migrationsPath("sqlite"), 0);
  [nowMs, sequencedAtMs, offset] = [1_000_000, 1_000_000, 0];
  const sql = {
    stream: db.prepare("INSERT OR IGNORE INTO streams (ref, tenant_id, store_id) VALUES (?, ?, ?)"),
    head: db.prepare("UPDATE streams SET ves_head = ves_head + 1 WHERE ref = ? RETURNING ves_head").pluck(),
    entry: db.prepare(
      `INSERT INTO entries ("offset", kind, stream_ref, sequence_number, event_id, entity_ref, event_type_ref, sequenced_at_ms,
         sequencer_ref, signing_hash, agent_signature, receipt_signature, envelope)
       VALUES (?, 0, ?, ?, ?, 1, 1, ?, 1, zeroblob(32), zeroblob(64), zeroblob(64), zeroblob(1))`,
    ),
    place: db.prepare('INSERT INTO places_by_number (stream_ref, kind, sequence_number, "offset") VALUES (?, 0, ?, ?)'),
  };
  // Odd streams are one tenant's, even ones another's.
  entry = (ref, count = 1) => {
    sql.stream.run(ref, sha256(`tenant ${ref % 2}`).subarray(0, 16), sha256(`store ${ref}`).subarray(0, 16));
    for (let i = 0; i < count; i++) {
      const number = sql.head.get(ref) as number;
      sql.entry.run(offset, ref, number, sha256(`event ${offset}`).subarray(0, 16), sequencedAtMs);
      sql.place.run(ref, number, offset++);
    }
  };
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What is asked of the store, and what is committed, in order. */
class Automaton implements AsyncDisposable {
  reads: Record<string, number> = {};
  readonly committed: string[] = [];
  readonly failures: unknown[] = [];
  eventsMax = Number.MAX_SAFE_INTEGER;
  fails = (_ref: number): boolean => false;
  readonly shutdown = new AbortController();
  /** What a commitment waits for before it is made. */
  held: () => Promise<void> = async () => {};
  readonly #committer: AutoCommitter;

  constructor(thresholds: Partial<AutoCommitThresholds>) {
    const store = new SqliteCommitmentReader(db);
    const reader = new Proxy(store, {
      get: (target, name: keyof SqliteCommitmentReader) => {
        const method = target[name] as (...args: unknown[]) => unknown;
        return async (...args: unknown[]) => {
          this.reads[name] = (this.reads[name] ?? 0) + 1;
          return method.apply(target, args);
        };
      },
    }) as unknown as CommitmentReader;
    this.#committer = new AutoCommitter({
      ...{ reader, clock: { nowMs: () => nowMs }, intervalMs: 1, shutdown: this.shutdown.signal },
      thresholds: { events: 0, ageMs: 0, ...thresholds },
      committer: { commitNext: (stream) => this.#commit(stream) } as Pick<Committer, "commitNext">,
      onFailure: (error) => this.failures.push(error),
    });
  }

  /** Until so much was committed. */
  async until(count: number): Promise<readonly string[]> {
    await expect.poll(() => this.committed.length, { timeout: 30_000, interval: 2 }).toBeGreaterThanOrEqual(count);
    return this.committed;
  }

  /** Some ticks, in which whatever is due would be found. */
  async ticks(): Promise<void> {
    const reads = () => (this.reads.fullStreams ?? 0) + (this.reads.oldStreams ?? 0);
    const before = reads();
    await expect.poll(reads, { timeout: 30_000, interval: 2 }).toBeGreaterThan(before + 5);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committer[Symbol.asyncDispose]();
  }

  async #commit({ storeId }: { readonly storeId: Uuid }) {
    await this.held();
    const row = db
      .prepare("SELECT ref, ves_head, ves_committed FROM streams WHERE store_id = ?")
      .get(uuidToBytes(storeId)) as { ref: number; ves_head: number; ves_committed: number };
    if (this.fails(row.ref)) throw new Error(`stream ${row.ref} failed`);
    const start = row.ves_committed + 1;
    const sequenceEnd = Math.min(row.ves_head, row.ves_committed + this.eventsMax);
    const batchId = sha256(`${row.ref} ${start}`).subarray(0, 16);
    db.prepare(
      `INSERT INTO ves_commitments (batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root,
         new_state_root, committed_at_ms) VALUES (?, ?, ?, ?, zeroblob(32), zeroblob(32), zeroblob(32), 0)`,
    ).run(batchId, row.ref, start, sequenceEnd);
    this.committed.push(`${row.ref}: ${start}-${sequenceEnd}`);
    return { batchId: uuidFromBytes(batchId), sequenceEnd } as Awaited<ReturnType<Committer["commitNext"]>>;
  }
}

/** Streams that wait and are not due. */
const others = inOneTransaction(() => {
  for (let ref = 1; ref <= WAITING; ref++) entry(ref);
});

function inOneTransaction(work: () => void): () => void {
  return () => db.transaction(work)();
}

it("finds what is due without a look at what is not, however many streams wait", async () => {
  others();
  await using automaton = new Automaton({ events: 10, ageMs: AGE_MS });
  await automaton.ticks();
  expect(automaton.reads.uncommittedStreams).toBe(Math.ceil((WAITING + 1) / 1024));
  const before = { ...automaton.reads };
  entry(WAITING, 8);
  await automaton.ticks();
  expect(automaton.committed).toEqual([]);
  entry(WAITING);
  // The stream that was visited last: the next look finds it.
  const looks = automaton.reads.fullStreams!;
  expect(await automaton.until(1)).toEqual([`${WAITING}: 1-10`]);
  expect(automaton.reads.fullStreams! - looks).toBeLessThanOrEqual(5);
  expect(automaton.reads.uncommittedStreams).toBe(before.uncommittedStreams);
  expect(automaton.reads.chainState).toBe(1);
});

it("commits in the order in which streams began to wait, tenants in turn", async () => {
  // References say nothing of that order.
  for (const ref of [9, 7, 5, 3, 1, 2, 4]) entry(ref);
  sequencedAtMs += 1;
  entry(6);
  entry(9);
  await using automaton = new Automaton({ ageMs: AGE_MS });
  await automaton.ticks();
  expect(automaton.committed).toEqual([]);
  nowMs += AGE_MS;
  expect(await automaton.until(7)).toEqual(["9: 1-2", "2: 1-1", "7: 1-1", "4: 1-1", "5: 1-1", "3: 1-1", "1: 1-1"]);
  await automaton.ticks();
  expect(automaton.committed).toHaveLength(7);
  nowMs += 1;
  expect((await automaton.until(8)).at(-1)).toBe("6: 1-1");
});

it("a start goes on where the rows are, also before the cursors have passed", async () => {
  others();
  entry(WAITING + 1, 30);
  {
    await using automaton = new Automaton({ events: 30, ageMs: AGE_MS });
    expect(await automaton.until(1)).toEqual([`${WAITING + 1}: 1-30`]);
  }
  nowMs += AGE_MS;
  sequencedAtMs = nowMs;
  entry(1);
  entry(WAITING + 2);
  await using automaton = new Automaton({ events: 30, ageMs: AGE_MS });
  expect(new Set(await automaton.until(WAITING)).size).toBe(WAITING);
  expect(automaton.committed).toContain("1: 1-2");
  await automaton.ticks();
  expect(automaton.committed).toHaveLength(WAITING);
});

it("commits again what came while a commitment was in the making, or is more than one takes", async () => {
  await using automaton = new Automaton({ events: 10 });
  automaton.eventsMax = 16;
  entry(1, 45);
  expect(await automaton.until(3)).toEqual(["1: 1-16", "1: 17-32", "1: 33-45"]);
  entry(1, 9);
  await automaton.ticks();
  expect(automaton.committed).toHaveLength(3);
  entry(1);
  expect((await automaton.until(4)).at(-1)).toBe("1: 46-55");
});

it("tries again what failed, and holds nobody up for it", async () => {
  await using automaton = new Automaton({ events: 1 });
  automaton.fails = (ref) => ref === 1;
  entry(1);
  await automaton.ticks();
  entry(2);
  expect(await automaton.until(1)).toEqual(["2: 1-1"]);
  expect(automaton.failures.length).toBeGreaterThan(1);
  automaton.fails = () => false;
  expect((await automaton.until(2)).at(-1)).toBe("1: 1-1");
});

it("goes by the clock after it was set back, and by first looks until the log's time has come", async () => {
  sequencedAtMs = nowMs + 1_000_000_000;
  entry(1);
  await using automaton = new Automaton({ ageMs: AGE_MS });
  await automaton.ticks();
  nowMs += AGE_MS - 1;
  entry(2);
  await automaton.ticks();
  expect(automaton.committed).toEqual([]);
  nowMs += 1;
  expect(await automaton.until(1)).toEqual(["1: 1-1"]);
  nowMs += AGE_MS - 2;
  await automaton.ticks();
  expect(automaton.committed).toHaveLength(1);
  nowMs += 1;
  expect((await automaton.until(2)).at(-1)).toBe("2: 1-1");
});

it("makes a bounded number at once, and begins none when the service goes away", async () => {
  const atOnce = 16;
  for (let ref = 1; ref <= 5 * atOnce; ref++) entry(ref);
  const automaton = new Automaton({ events: 1 });
  const held: (() => void)[] = [];
  automaton.held = () => new Promise((resolve) => held.push(resolve));
  await expect.poll(() => held.length).toBe(atOnce);
  for (const resolve of held.splice(0, 3)) resolve();
  await expect.poll(() => held.length).toBe(atOnce);
  await automaton.ticks();
  expect(held).toHaveLength(atOnce);
  automaton.shutdown.abort();
  let isOver = false;
  const over = automaton[Symbol.asyncDispose]().then(() => {
    isOver = true;
  });
  const last = held.pop()!;
  for (const resolve of held.splice(0)) resolve();
  await expect.poll(() => automaton.committed.length).toBe(3 + atOnce - 1);
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  last();
  await over;
  expect([automaton.committed.length, held.length]).toEqual([3 + atOnce, 0]);
});
