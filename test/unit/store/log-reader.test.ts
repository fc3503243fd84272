/** Pages of a real log: each entry once, whatever bound ends a page, and none that its checksum does not know. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { uuidFromBytes } from "../../../src/base/ids.js";
import { databasePath, openReaderOf } from "../../../src/store/sqlite/connection.js";
import { ENVELOPE_IN_ROW_BYTES_MAX } from "../../../src/store/sqlite/frame-row.js";
import { SqliteLogReader } from "../../../src/store/sqlite/log-reader.js";
import { makeLog } from "../../support/log-maker.js";

/** More than are fetched from the store at once. */
const EVENTS = 300;

const folder = mkdtempSync(join(tmpdir(), "sequencer-log-reader-"));
beforeAll(() => makeLog(folder, EVENTS));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function offsets(bytesMax: number, entriesMax: number): number[] {
  using db = Object.assign(openReaderOf(databasePath(folder)), { [Symbol.dispose]: () => db.close() });
  const reader = new SqliteLogReader(db, bytesMax);
  const read: number[] = [];
  for (let next = 0; ; ) {
    const page = reader.page(next, {}, entriesMax);
    read.push(...page.entries.map(({ offset }) => offset));
    if (page.nextOffset === next) return read;
    next = page.nextOffset;
  }
}

const ALL = Array.from({ length: EVENTS }, (_, offset) => offset);

describe("pages of the log", () => {
  it.each([
    [1 << 20, EVENTS],
    [1 << 20, 1],
    [1 << 20, 7],
    [1, 100],
    [5000, 100],
    [300_000, EVENTS],
  ])("of %d bytes and %d entries hold every entry once", (bytesMax, entriesMax) => {
    expect(offsets(bytesMax, entriesMax)).toEqual(ALL);
  });

  it("have the frames of whole entries, alone and as one array, whatever the filter reads", () => {
    using db = Object.assign(openReaderOf(databasePath(folder)), { [Symbol.dispose]: () => db.close() });
    const reader = new SqliteLogReader(db, 1 << 20);
    const { entries, array } = reader.page(0, {}, EVENTS);
    expect(`[${entries.map(({ frame }) => Buffer.from(frame).toString()).join(",")}]`).toBe(array.toString());
    const parsed = JSON.parse(array.toString());
    for (const [offset, { event }] of parsed.entries()) {
      const { entity_type: entityType, entity_id: entityId, event_id } = event;
      const whole = reader.entryByEventId(event_id)!;
      expect(whole).toMatchObject({ offset, entityType, entityId });
      expect(whole.frame).toEqual(entries[offset]!.frame);
      const same = parsed.flatMap((other: { event: unknown }, at: number) =>
        JSON.stringify(other.event).includes(JSON.stringify(entityId)) ? [at] : [],
      );
      const filtered = reader.page(0, { entityType, entityId }, EVENTS);
      expect(filtered.entries.map((found) => found.offset)).toEqual(same);
      expect(filtered.nextOffset).toBe(EVENTS);
    }
  });

  it("hold envelopes that are too large to be fetched with others", () => {
    using db = Object.assign(new Database(databasePath(folder)), { [Symbol.dispose]: () => db.close() });
    const envelope = JSON.stringify({ large: "é".repeat(ENVELOPE_IN_ROW_BYTES_MAX) });
    db.exec("DROP TRIGGER IF EXISTS entries_are_never_updated");
    const change = db.prepare(`UPDATE entries SET envelope = ?, frame_crc32 = NULL WHERE "offset" = 25`);
    change.run(Buffer.from(envelope));
    db.exec("UPDATE log SET checked_from = 26");
    const [before, large, after] = new SqliteLogReader(db, 1 << 20).page(24, {}, 3).entries;
    expect([before, large, after].map((entry) => entry?.offset)).toEqual([24, 25, 26]);
    expect(Buffer.from(large!.frame).toString()).toContain(`"event":${envelope},"receipt"`);
  });

  it("end before an entry whose checksum differs", () => {
    const db = new Database(databasePath(folder));
    db.exec("DROP TRIGGER IF EXISTS entries_are_never_updated");
    db.exec(`UPDATE entries SET sequenced_at_ms = sequenced_at_ms + 1 WHERE "offset" = 20`);
    db.close();
    expect(() => offsets(1 << 20, EVENTS)).toThrow("entry 20 is damaged");
    expect(() => offsets(1 << 20, 1)).toThrow("entry 20 is damaged");
  });

  it("end before an entry without a checksum, unless it is of before there were any", () => {
    const db = new Database(databasePath(folder));
    db.exec("DROP TRIGGER IF EXISTS entries_are_never_updated");
    db.exec(`UPDATE entries SET frame_crc32 = NULL WHERE "offset" = 15`);
    for (const [checkedFrom, first] of [
      [15, 14],
      [16, 15],
    ] as const) {
      db.exec(`UPDATE log SET checked_from = ${checkedFrom}`);
      const reader = new SqliteLogReader(db, 1 << 20);
      expect(reader.page(first, {}, 1).nextOffset).toBe(first + 1);
    }
    db.exec("UPDATE log SET checked_from = 15");
    expect(() => new SqliteLogReader(db, 1 << 20).page(15, {}, 1)).toThrow("entry 15 is damaged: its checksum is gone");
    db.close();
  });

  it("are not served with an envelope that is not UTF-8, with a checksum or without", () => {
    for (const check of ["frame_crc32", "NULL"]) {
      const db = new Database(databasePath(folder));
      db.exec("DROP TRIGGER IF EXISTS entries_are_never_updated");
      db.exec(`UPDATE entries SET envelope = X'7B22FF227D', frame_crc32 = ${check} WHERE "offset" = 10`);
      db.close();
      expect(() => offsets(1 << 20, 1)).toThrow();
    }
  });
});

describe("entries by their numbers", () => {
  const PLACED = 600;
  const damaged = mkdtempSync(join(tmpdir(), "sequencer-log-reader-places-"));
  afterAll(() => rmSync(damaged, { recursive: true, force: true }));

  it.each([
    ["an entry before", "(SELECT min(offset) FROM entries WHERE stream_ref = 1)"],
    ["another stream", "(SELECT min(offset) FROM entries WHERE stream_ref = 2)"],
    ["no entry", "999999"],
  ])("are not served where a place leads to %s", async (_, place) => {
    const folder = mkdtempSync(join(damaged, "log-"));
    // Opened again, all but the newest places are merged.
    for (const events of [PLACED, 0]) await makeLog(folder, events, 0, () => {}, 8);
    using db = Object.assign(new Database(databasePath(folder)), { [Symbol.dispose]: () => db.close() });
    const [tenantId, storeId] = db
      .prepare("SELECT tenant_id, store_id FROM streams WHERE ref = 1")
      .raw()
      .get() as Buffer[];
    const stream = { tenantId: uuidFromBytes(tenantId!), storeId: uuidFromBytes(storeId!), limit: 1000 };
    const page = (fromSequence: number, limit: number) =>
      new SqliteLogReader(db, 1 << 20).streamPage({ ...stream, fromSequence, limit });
    const numbers = page(1, 1000).entries.map(({ sequenceNumber }) => sequenceNumber);
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
    db.exec("DROP TRIGGER places_by_number_are_never_changed");
    db.exec(`UPDATE places_by_number SET offset = ${place} WHERE stream_ref = 1 AND sequence_number = 10`);
    expect(page(1, 9).nextSequence).toBe(10);
    for (const from of [1, 9, 10]) expect(() => page(from, 1000)).toThrow("number 10 of stream 1 leads");
    expect(page(11, 1000).entries).toHaveLength(numbers.length - 10);
  });
});
