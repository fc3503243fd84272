/**
 * Logs of older versions brought up to date: slice by slice, from wherever the start before was cut short, and whatever an
 * older version wrote meanwhile.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import { type Connection, openWriter } from "../../../src/store/sqlite/connection.js";
import { schemaDifferences } from "../../../src/store/sqlite/expected-schema.js";
import { type MigrateOptions, migrate, type UpgradeStep } from "../../../src/store/sqlite/migrate.js";
import { PlaceFinder } from "../../../src/store/sqlite/place-finder.js";
import { walSize } from "../../../src/store/sqlite/wal-checkpoint.js";
import { Random } from "../../support/fuzz/random.js";
import { VERSION_BEFORE_PLACES } from "../../support/old-log.js";
import { PlaceMaker } from "../../support/place-maker.js";
import { TEST_SEED } from "../../support/seed.js";

const MIGRATIONS = migrationsPath("sqlite");
const WAL_FRAME_BYTES = 4096 + 24;

class Cut extends Error {}

/** A log of before there were places, and what an older and this version do to it. */
class OldLog implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sequencer-migrate-"));
  readonly maker: PlaceMaker;
  #db = openWriter(this.folder);

  constructor(random: Random) {
    this.maker = new PlaceMaker(random);
    migrate(this.#db, MIGRATIONS, 0, { versionMax: VERSION_BEFORE_PLACES });
  }

  get db(): Connection {
    return this.#db;
  }

  get version(): number {
    return this.#db.prepare("SELECT max(version) FROM schema_migrations").pluck().get() as number;
  }

  /** As an older version does. */
  append(count: number): void {
    const insert = this.#db.prepare(
      `INSERT INTO entries VALUES (:offset, :kind, :streamRef, :sequenceNumber, :eventId, 1, 1, 0, 1, zeroblob(32),
         iif(:kind = 0, zeroblob(64), NULL), zeroblob(64), x'', 0, iif(:kind = 1, zeroblob(32), NULL))`,
    );
    const places = this.maker.chunk(count);
    for (const place of places) insert.run(place);
    this.maker.keep(places);
  }

  /** Brings it up to date, or up to the step that `onUpgrade` does not survive; then a new process opens it. */
  upgrade(options: MigrateOptions): void {
    try {
      migrate(this.#db, MIGRATIONS, 0, options);
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
    }
    this.#db.close();
    this.#db = openWriter(this.folder);
  }

  cutAfter(steps: number, sliceEntries: number): void {
    let left = steps;
    const onUpgrade = () => {
      if (--left <= 0) throw new Cut();
    };
    this.upgrade({ sliceEntries, onUpgrade });
  }

  expectFound(): void {
    const finder = new PlaceFinder(this.#db);
    for (const { eventId, streamRef, kind, sequenceNumber, offset } of this.maker.places) {
      expect(finder.offsetOfEvent(eventId)).toBe(offset);
      expect(finder.offsetOfNumber(streamRef, kind, sequenceNumber)).toBe(offset);
    }
    expect(finder.offsetOfEvent(this.maker.unknownId())).toBeUndefined();
    expect(schemaDifferences(this.#db, MIGRATIONS)).toEqual([]);
  }

  expectUpToDate(): void {
    expect(this.version).toBeGreaterThan(VERSION_BEFORE_PLACES);
    this.expectFound();
    for (const table of ["places_by_id", "places_by_number"]) {
      expect(this.#db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(this.maker.places.length);
    }
    expect(this.#db.pragma("integrity_check", { simple: true })).toBe("ok");
  }

  [Symbol.dispose](): void {
    this.#db.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe(`a log of before there were places (seed ${TEST_SEED})`, () => {
  const random = new Random(TEST_SEED);

  it.each([1, 7, 30, 60, 61])("is upgraded in slices of %i entries", (sliceEntries) => {
    using log = new OldLog(random);
    log.append(60);
    const steps: UpgradeStep[] = [];
    log.upgrade({ sliceEntries, onUpgrade: (step) => steps.push(step) });
    log.expectUpToDate();
    const rows = (wanted: string) =>
      steps.flatMap(({ done }) =>
        done !== null && typeof done === "object" && done.table === wanted ? done.rows : [],
      );
    for (const table of ["places_by_id", "places_by_number"]) {
      expect(rows(table)).toHaveLength(Math.ceil(60 / sliceEntries));
      expect(rows(table).at(-1)).toBe(60);
    }
    const applied = steps.filter(({ done }) => typeof done === "number").map(({ migration }) => migration);
    expect(applied).toEqual(["0008_places.sql", "0009_checked_from.sql", "0010_submitted_commitments.sql"]);
    expect(new Set(steps.map(({ entries }) => entries))).toEqual(new Set([60]));
  });

  it("goes on where it was cut short, as often as it is; until it is through, everything is found as before", () => {
    using log = new OldLog(random);
    log.append(40);
    let starts = 0;
    for (; log.version === VERSION_BEFORE_PLACES; starts++) {
      log.expectFound();
      // The step that says it begins, and one slice.
      log.cutAfter(2, 5);
    }
    expect(starts).toBe(2 * (40 / 5) + 1);
    log.upgrade({});
    log.expectUpToDate();
  });

  it("takes up what an older version wrote in between", () => {
    for (let cut = 2; cut < 20; cut++) {
      using log = new OldLog(random);
      log.append(24);
      log.cutAfter(cut, 3);
      if (log.version > VERSION_BEFORE_PLACES) break;
      log.append(1 + random.below(6));
      log.expectFound();
      log.upgrade({ sliceEntries: 3 });
      log.expectUpToDate();
      expect(cut).toBeLessThan(19);
    }
  });

  it("is moved out of the write-ahead log slice by slice", () => {
    const framesOf = (sliceEntries: number): number => {
      using log = new OldLog(new Random(TEST_SEED));
      log.db.transaction(() => log.append(4_000))();
      log.db.pragma("wal_checkpoint(TRUNCATE)");
      let most = 0;
      const onUpgrade = ({ done }: UpgradeStep) => {
        if (typeof done !== "number") most = Math.max(most, walSize(log.folder) / WAL_FRAME_BYTES);
      };
      log.upgrade({ sliceEntries, onUpgrade });
      return most;
    };
    expect(framesOf(100)).toBeLessThan(framesOf(4_000) / 2);
  });

  it("is not taken for whole where entries are missing", () => {
    using log = new OldLog(random);
    log.append(10);
    log.db.exec(`DROP TRIGGER entries_are_never_deleted; DELETE FROM entries WHERE "offset" = 4`);
    expect(() => log.upgrade({ sliceEntries: 3 })).toThrow("do not lead to each of its 10 entries");
    expect(log.version).toBe(VERSION_BEFORE_PLACES);
  });
});

it("notes where entries begin to have checksums", () => {
  const random = new Random(TEST_SEED);
  for (const entries of [0, 1, 2, 3, 8, 21]) {
    for (let without = 0; without <= entries; without++) {
      using log = new OldLog(random);
      log.append(entries);
      log.db.exec("DROP TRIGGER entries_are_never_updated");
      log.db.prepare(`UPDATE entries SET frame_crc32 = NULL WHERE "offset" < ?`).run(without);
      log.db.exec("INSERT INTO log (id, log_id, epoch, created_at_ms) VALUES (1, '', 1, 0)");
      log.upgrade({});
      expect(log.db.prepare("SELECT checked_from FROM log").pluck().get()).toBe(without);
    }
  }
});

describe("a migration that was applied", () => {
  const upToDate = (name: string, sha256: string): OldLog => {
    const log = new OldLog(new Random(TEST_SEED));
    log.append(3);
    log.upgrade({});
    log.db.prepare("UPDATE schema_migrations SET sha256 = ? WHERE name = ?").run(sha256, name);
    return log;
  };

  it.each([
    ["0008_places.sql", "4660c1df5ca1380457b54d4aa1d586eaf86a5606a20d6d78085ef934ecc79080"],
    ["0009_checked_from.sql", "d4476701ea479c5fb2a2086e68533135c5881e7085f74e07aaa84ddd7164222f"],
  ])("as %s was before it went in slices, led to the same", (name, sha256) => {
    using log = upToDate(name, sha256);
    log.upgrade({});
    log.expectUpToDate();
  });

  it("and is another now, is refused", () => {
    using log = upToDate("0008_places.sql", "00");
    expect(() => log.upgrade({})).toThrow("migration 0008_places.sql was changed after it was applied");
  });

  it("and is unknown, is refused", () => {
    using log = upToDate("0008_places.sql", "00");
    log.db.exec("INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', '', 0)");
    expect(() => log.upgrade({})).toThrow("the database has migration 9999");
  });
});
