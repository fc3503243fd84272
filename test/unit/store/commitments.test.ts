/** The database's own word on commitments, and the backfill of rows from older databases. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkChains } from "../../../src/audit/committed-streams.js";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import { toHex } from "../../../src/base/bytes.js";
import { type Uuid, uuidToBytes } from "../../../src/base/ids.js";
import { verifyCommitmentChain } from "../../../src/protocol/commitment.js";
import { type BackfillOptions, backfillStateRoots } from "../../../src/store/sqlite/backfill-state-roots.js";
import { SqliteCommitmentReader } from "../../../src/store/sqlite/commitment-reader.js";
import { chainOf } from "../../../src/store/sqlite/commitment-rows.js";
import type { Connection } from "../../../src/store/sqlite/connection.js";
import { MerkleLeafReader } from "../../../src/store/sqlite/merkle-leaf-reader.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";
import { modelLeaf, modelRoot, sha256 } from "../../support/merkle-model.js";

const STREAM = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
};
const ZERO = Buffer.alloc(32);
const EVENTS = 12;
const ALL: BackfillOptions = { tenantId: null, storeId: null, isDryRun: false, isForced: false };

let folder: string;
let db: Connection;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "commitments-"));
  db = new Database(join(folder, "test.db"));
  db.pragma("foreign_keys = OFF");
  migrate(db, migrationsPath("sqlite"), 0);
  db.prepare("INSERT INTO streams (ref, tenant_id, store_id, ves_head) VALUES (1, ?, ?, ?)").run(
    uuidToBytes(STREAM.tenantId),
    uuidToBytes(STREAM.storeId),
    EVENTS,
  );
  const insert = insertEntry();
  for (let i = 1; i <= EVENTS; i++) insert(i);
  db.exec('INSERT INTO places_by_id SELECT event_id, "offset" FROM entries');
  db.exec('INSERT INTO places_by_number SELECT stream_ref, kind, sequence_number, "offset" FROM entries');
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The i-th event of the stream, sequenced at 1000 ms. */
function insertEntry(): (i: number) => void {
  const insert = db.prepare(
    `INSERT INTO entries ("offset", kind, stream_ref, sequence_number, event_id, entity_ref, event_type_ref, sequenced_at_ms,
       sequencer_ref, signing_hash, agent_signature, receipt_signature, envelope)
     VALUES (?, 0, 1, ?, ?, 1, 1, 1000, 1, ?, ?, ?, ?)`,
  );
  return (i) =>
    insert.run(i - 1, i, sha256(`id ${i}`).subarray(0, 16), sha256(`hash ${i}`), signature(i), signature(i), ZERO);
}

function signature(i: number): Buffer {
  return Buffer.concat([sha256(`r ${i}`), sha256(`s ${i}`)]);
}

function rootOf(start: number, end: number): Buffer {
  const leaves = Array.from({ length: end - start + 1 }, (_, i) =>
    modelLeaf(STREAM, start + i, sha256(`hash ${start + i}`), signature(start + i)),
  );
  return modelRoot(leaves);
}

/** As an older database has them: with zero state roots. */
function insertRow(
  start: number,
  end: number,
  changes: { prev?: Buffer; next?: Buffer; merkleRoot?: Buffer } = {},
): void {
  db.prepare(
    `INSERT INTO ves_commitments (batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root,
       new_state_root, committed_at_ms) VALUES (?, 1, ?, ?, ?, ?, ?, 0)`,
  ).run(
    sha256(`batch ${start}`).subarray(0, 16),
    start,
    end,
    changes.merkleRoot ?? rootOf(start, end),
    changes.prev ?? ZERO,
    changes.next ?? ZERO,
  );
}

function chain() {
  const everything = { fromSequence: 1, toSequence: EVENTS, status: "all", limit: 100 } as const;
  return new SqliteCommitmentReader(db).commitments({ ...STREAM, ...everything });
}

const backfill = (changes: Partial<BackfillOptions> = {}) => [...backfillStateRoots(db, { ...ALL, ...changes })];

describe("the table", () => {
  test("takes only what follows the last row of its stream and exists", () => {
    for (const [start, end] of [
      [2, 3],
      [1, EVENTS + 1],
      [3, 2],
    ] as const) {
      expect(() => insertRow(start, end, { merkleRoot: ZERO })).toThrow();
    }
    insertRow(1, 4);
    expect(() => insertRow(1, 4)).toThrow("follow");
    expect(() => insertRow(4, 6)).toThrow("follow");
    expect(() => insertRow(6, 7)).toThrow("follow");
    expect(() => insertRow(5, 6, { prev: rootOf(1, 1) })).toThrow("follow");
    insertRow(5, 6);
    expect(db.prepare("SELECT ves_committed FROM streams").pluck().get()).toBe(6);
  });

  test("never forgets or changes a row, but for where it is on chain", () => {
    insertRow(1, 4, { next: rootOf(1, 1) });
    expect(() => db.exec("DELETE FROM ves_commitments")).toThrow("append-only");
    for (const column of ["sequence_start", "sequence_end", "committed_at_ms", "stream_ref"]) {
      expect(() => db.exec(`UPDATE ves_commitments SET ${column} = 2`)).toThrow("append-only");
    }
    for (const column of ["merkle_root", "batch_id"]) {
      expect(() => db.exec(`UPDATE ves_commitments SET ${column} = ${column}`)).toThrow("append-only");
    }
    for (const column of ["prev_state_root", "new_state_root"]) {
      expect(() => db.exec(`UPDATE ves_commitments SET ${column} = zeroblob(32)`)).toThrow("computed once");
    }
    db.exec("UPDATE ves_commitments SET chain_id = 5, chain_tx_hash = zeroblob(32), anchored_at_ms = 6");
    expect(chain()[0]!.anchor).toMatchObject({ chainId: 5, anchoredAtMs: 6, blockNumber: null });
  });

  test.each(["ves", "legacy"] as const)(
    "of the %s series gives the few on chain without reading the others",
    (series) => {
      const asked: string[] = [];
      const reading = new Database(join(folder, "test.db"), { verbose: (sql) => asked.push(String(sql)) });
      const reader = new SqliteCommitmentReader(reading, series);
      const everything = { fromSequence: 1, toSequence: EVENTS, limit: 100 } as const;
      for (const status of ["submitted", "anchored"] as const) {
        asked.length = 0;
        expect(reader.commitments({ ...STREAM, ...everything, status })).toEqual([]);
        const plan = reading.prepare(`EXPLAIN QUERY PLAN ${asked.at(-1)}`).all() as { readonly detail: string }[];
        expect(plan.map(({ detail }) => detail)).toEqual([
          expect.stringMatching(/^SEARCH s USING COVERING INDEX/),
          `SEARCH c USING INDEX ${series}_commitments_submitted (stream_ref=? AND sequence_start>? AND sequence_start<?)`,
        ]);
      }
      reading.close();
    },
  );

  test("knows which streams wait, since when", () => {
    const reader = new SqliteCommitmentReader(db);
    const waiting = { ref: 1, ...STREAM, head: EVENTS, committed: 0, waitingFromOffset: 0 };
    const none = { streams: [], headOffset: EVENTS };
    expect(reader.uncommittedStreams(0, 10)).toEqual({ streams: [waiting], headOffset: EVENTS });
    expect(reader.uncommittedStreams(1, 10)).toEqual(none);
    insertRow(1, 4);
    expect(reader.uncommittedStreams(0, 10).streams).toEqual([{ ...waiting, committed: 4, waitingFromOffset: 4 }]);
    insertRow(5, EVENTS);
    expect(reader.uncommittedStreams(0, 10)).toEqual(none);
  });

  test("tells of the part of the log it is asked for what is due there", () => {
    const reader = new SqliteCommitmentReader(db);
    db.exec('DROP TRIGGER entries_are_never_updated; UPDATE entries SET sequenced_at_ms = 100 * "offset"');
    const due = (committedBelow: number) => [{ ref: 1, ...STREAM, committedBelow }];
    const all = { nextOffset: EVENTS, headOffset: EVENTS };
    insertRow(1, 2);
    expect(reader.fullStreams(0, 10)).toEqual({ ...all, streams: due(3) });
    expect(reader.fullStreams(EVENTS - 1, 7)).toEqual({ ...all, streams: due(6) });
    expect(reader.fullStreams(0, 11)).toEqual({ ...all, streams: [] });
    expect(reader.fullStreams(EVENTS, 1)).toEqual({ ...all, streams: [] });
    const old = (fromOffset: number, untilMs: number, untilOffset = 0) =>
      reader.oldStreams(fromOffset, { untilMs, untilOffset });
    expect(old(0, 99)).toEqual({ ...all, nextOffset: 2, streams: [], waitingSinceMs: 200 });
    expect(old(0, 500)).toEqual({ ...all, nextOffset: 6, streams: due(6), waitingSinceMs: 600 });
    expect(old(6, 500)).toEqual({ ...all, nextOffset: 6, streams: [], waitingSinceMs: 600 });
    expect(old(0, 0, 9)).toEqual({ ...all, nextOffset: 9, streams: due(9), waitingSinceMs: 900 });
    expect(old(0, 5000)).toEqual({ ...all, streams: due(12), waitingSinceMs: null });
    insertRow(3, EVENTS);
    expect(old(0, 99)).toEqual({ ...all, streams: [], waitingSinceMs: null });
    expect(reader.fullStreams(0, 1)).toEqual({ ...all, streams: [] });
    expect(new SqliteCommitmentReader(db, "legacy").fullStreams(0, 1)).toEqual({ ...all, streams: [] });
  });
});

test("what is due is looked for from the first event that waits, where few streams do", () => {
  const count = 5000;
  const insert = insertEntry();
  const place = db.prepare("INSERT INTO places_by_number VALUES (1, 0, ?, ?)");
  db.transaction(() => {
    for (let i = EVENTS + 1; i <= count; i++) {
      insert(i);
      place.run(i, i - 1);
    }
  })();
  db.prepare("UPDATE streams SET ves_head = ?, ves_committed = ?").run(count, 4500);
  const reader = new SqliteCommitmentReader(db);
  const all = { nextOffset: count, headOffset: count };
  const streams = [{ ref: 1, ...STREAM, committedBelow: count }];
  expect(reader.oldStreams(0, { untilMs: 1000, untilOffset: 0 })).toEqual({ ...all, streams, waitingSinceMs: null });
  expect(reader.fullStreams(0, 1)).toEqual({ ...all, streams });
});

test("a chain is read whole and in order, however long it is", () => {
  const count = 2500;
  const root = sha256("root");
  db.prepare("UPDATE streams SET ves_head = ?").run(count);
  db.transaction(() => {
    for (let i = 1; i <= count; i++) {
      insertRow(i, i, { prev: i === 1 ? ZERO : root, next: root, merkleRoot: root });
    }
  })();
  const starts = [...chainOf(db, "ves", 1)].map(({ sequenceStart }) => sequenceStart);
  expect(starts).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  expect([...chainOf(db, "ves", 2)]).toEqual([]);
  // What an audit says of all of them: a judge sees each, and the stream's own word is held against the last.
  db.prepare("UPDATE streams SET ves_committed = ?").run(count - 1);
  const faults = checkChains(
    db,
    "ves",
    "commitment",
    () => (chain) => (Array.from(chain).length === count ? null : "?"),
  );
  expect([...faults]).toEqual([`stream 1 says it is committed to ${count - 1}, its commitments end at ${count}`]);
});

test("leaves are made of no event but the one that has the number", () => {
  const range = { ...STREAM, sequenceStart: 1, sequenceEnd: EVENTS };
  expect(new MerkleLeafReader(db).read(range, () => {})).toBe(EVENTS);
  db.exec("DROP TRIGGER places_by_number_are_never_changed");
  db.exec('UPDATE places_by_number SET "offset" = 7 WHERE sequence_number = 5');
  expect(() => new MerkleLeafReader(db).read(range, () => {})).toThrow("number 5 leads to event 8");
});

describe("backfill", () => {
  test("computes missing state roots from genesis, once", () => {
    insertRow(1, 5);
    insertRow(6, 6);
    insertRow(7, 12);
    expect(backfill({ isDryRun: true })).toEqual([{ ...STREAM, commitments: 3, filled: 3, fault: null }]);
    expect(chain().every(({ newStateRoot }) => toHex(newStateRoot) === toHex(ZERO))).toBe(true);
    expect(backfill()).toEqual([{ ...STREAM, commitments: 3, filled: 3, fault: null }]);
    expect(verifyCommitmentChain(chain())).toBeNull();
    expect(backfill()).toEqual([{ ...STREAM, commitments: 3, filled: 0, fault: null }]);
  });

  test("starts behind the last anchored commitment unless forced", () => {
    insertRow(1, 5);
    insertRow(6, 12);
    db.exec("UPDATE ves_commitments SET chain_tx_hash = zeroblob(32) WHERE sequence_start = 1");
    expect(backfill({ isDryRun: true })).toMatchObject([{ filled: 1, fault: null }]);
    expect(backfill({ isForced: true })).toMatchObject([{ filled: 2, fault: null }]);
    expect(verifyCommitmentChain(chain())).toBeNull();
  });

  test("leaves a stream alone whose rows contradict its events or each other", () => {
    insertRow(1, 5, { merkleRoot: rootOf(1, 4) });
    insertRow(6, 12);
    expect(backfill()).toMatchObject([{ filled: 0, fault: expect.stringContaining("Merkle root") }]);
    expect(chain().every(({ newStateRoot }) => toHex(newStateRoot) === toHex(ZERO))).toBe(true);
  });

  test("changes no root that is there", () => {
    insertRow(1, 5, { next: rootOf(1, 1) });
    insertRow(6, 12, { prev: rootOf(1, 1) });
    expect(backfill()).toMatchObject([{ filled: 0, fault: expect.stringContaining("does not follow") }]);
    expect(toHex(chain()[0]!.newStateRoot)).toBe(toHex(rootOf(1, 1)));
  });

  test("keeps to the tenant and store asked for", () => {
    insertRow(1, 5);
    expect(backfill({ tenantId: STREAM.storeId })).toEqual([]);
    expect(backfill({ tenantId: STREAM.tenantId, storeId: STREAM.tenantId })).toEqual([]);
    expect(backfill({ tenantId: STREAM.tenantId, storeId: STREAM.storeId })).toHaveLength(1);
  });
});
