/**
 * Places on a real database, the lane's and the readers', against a plain list of them: whatever the size of a generation and
 * of a chunk, after a rollback, after a crash, from whenever on a reader follows.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { migrationsPath, packageRoot } from "../../../src/base/asset-paths.js";
import type { Place } from "../../../src/store/recent-places.js";
import { type Connection, isDiskFull, openReader, openWriter } from "../../../src/store/sqlite/connection.js";
import { LanePlaces } from "../../../src/store/sqlite/lane-places.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";
import { PlaceFinder } from "../../../src/store/sqlite/place-finder.js";
import { Random } from "../../support/fuzz/random.js";
import { PlaceMaker } from "../../support/place-maker.js";
import { TEST_SEED } from "../../support/seed.js";

const GENERATIONS = [1, 2, 3, 8, 100];

/** Rows that wait to be merged together, as entries. */
const MERGE_LAG = 32;

/**
 * What recent_places have at most: a generation being merged and one being filled, the last chunk, and the first one's rest;
 * another generation where a crash made the merge begin again.
 */
const recentMax = (generationPlaces: number, chunkMax: number, generations = 2): number =>
  generations * generationPlaces + 2 * chunkMax + MERGE_LAG;

/** A folder with one writer, as a service has it, and readers of all kinds. */
class PlaceLog implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sequencer-places-"));
  readonly maker: PlaceMaker;
  #readers: Connection[] = [];
  #db: Connection;
  #lane: LanePlaces;

  constructor(
    readonly generationPlaces: number,
    random: Random,
    firstOffset = 0,
    streams?: number,
  ) {
    this.maker = new PlaceMaker(random, firstOffset, streams);
    this.#db = this.#open();
    migrate(this.#db, migrationsPath("sqlite"), 0);
    this.#lane = new LanePlaces(this.#db, generationPlaces);
  }

  get lane(): LanePlaces {
    return this.#lane;
  }

  /** The writer's own connection. */
  get db(): Connection {
    return this.#db;
  }

  /** A reader with a connection of its own. */
  finder(): PlaceFinder {
    const db = openReader(this.folder);
    this.#readers.push(db);
    return new PlaceFinder(db);
  }

  commit(places: readonly Place[]): void {
    this.#db.exec("BEGIN IMMEDIATE");
    this.#lane.write(places);
    this.#db.exec("COMMIT");
    this.#lane.committed();
    this.maker.keep(places);
  }

  rollBack(places: readonly Place[]): void {
    this.#db.exec("BEGIN IMMEDIATE");
    this.#lane.write(places);
    this.#db.exec("ROLLBACK");
    this.#lane.rolledBack();
  }

  /** With only so much room left. Whether it was too little: then nothing of it counts. */
  commitWithRoom(places: readonly Place[], pages: number): boolean {
    const used = this.#db.pragma("page_count", { simple: true }) as number;
    this.#db.pragma(`max_page_count = ${used + pages}`);
    try {
      this.commit(places);
      return false;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      this.#lane.rolledBack();
      return true;
    } finally {
      this.#db.pragma("max_page_count = 4294967294");
    }
  }

  /** The process ends, perhaps in the middle of a chunk, and the next one begins. */
  crash(unfinished: readonly Place[] = []): void {
    if (unfinished.length > 0) {
      this.#db.exec("BEGIN IMMEDIATE");
      this.#lane.write(unfinished);
    }
    this.#db.close();
    this.#db = this.#open();
    this.#lane = new LanePlaces(this.#db, this.generationPlaces);
  }

  /** Places in `recent_places`. */
  recent(): number {
    return this.#db.prepare("SELECT coalesce(sum(length(places)), 0) / 32 FROM recent_places").pluck().get() as number;
  }

  /** Rows of each table. */
  merged(): [ids: number, numbers: number] {
    const count = (table: string) => this.#db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    return [count("places_by_id"), count("places_by_number")];
  }

  [Symbol.dispose](): void {
    for (const reader of this.#readers) reader.close();
    this.#db.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #open(): Connection {
    const db = openWriter(this.folder);
    db.pragma("synchronous = OFF");
    return db;
  }
}

describe(`places (seed ${TEST_SEED})`, () => {
  it.each(GENERATIONS)("%d to a generation: all are found by everybody, and nothing else is", (generationPlaces) => {
    const random = new Random(TEST_SEED + generationPlaces);
    const seen = { committed: 0, rolledBack: 0, full: 0, crashes: 0, merged: 0 };
    for (let run = 0; run < 4; run++) {
      using log = new PlaceLog(generationPlaces, random, random.pick([0, 0, 2 ** 33]));
      const { maker } = log;
      const [always, rarely, fresh] = [log.finder(), log.finder(), openReader(log.folder)];
      const chunkMax = random.pick([1, 4, 40]);
      for (let step = 0; step < 40; step++) {
        const chunk = maker.chunk(1 + random.below(chunkMax));
        const luck = random.next();
        if (luck < 0.1) {
          log.rollBack(chunk);
          seen.rolledBack += 1;
        } else if (luck < 0.2) seen.full += Number(log.commitWithRoom(maker.chunk(50), 0));
        else if (luck < 0.3) {
          log.crash(random.chance(0.5) ? chunk : []);
          seen.crashes += 1;
        } else {
          log.commit(chunk);
          seen.committed += 1;
        }
        const where = `seed ${TEST_SEED}, ${generationPlaces} to a generation, run ${run}, step ${step}`;
        for (const { eventId, offset } of maker.places) expect(log.lane.offsetOfEvent(eventId), where).toBe(offset);
        for (let i = 0; i < 5; i++) expect(log.lane.offsetOfEvent(maker.unknownId()), where).toBeUndefined();
        expectFound(always, maker, `${where}, always`);
        expectFound(new PlaceFinder(fresh), maker, `${where}, fresh`);
        if (random.chance(0.1)) expectFound(rarely, maker, `${where}, rarely`);
      }
      seen.merged += log.merged()[0];
      fresh.close();
    }
    const { full: _mayNotHappen, ...mustHappen } = seen;
    for (const [what, times] of Object.entries(mustHappen)) expect(times, what).toBeGreaterThan(0);
  });

  it.each(GENERATIONS)(
    "%d to a generation: recent ones are bounded, and what leaves them is merged",
    (generationPlaces) => {
      const random = new Random(TEST_SEED + generationPlaces);
      for (const chunkMax of [1, 3, generationPlaces, 3 * generationPlaces]) {
        using log = new PlaceLog(generationPlaces, random);
        for (let step = 0; step < 150; step++) {
          log.commit(log.maker.chunk(1 + random.below(chunkMax)));
          expect(log.recent()).toBeLessThanOrEqual(recentMax(generationPlaces, chunkMax));
          const left = log.maker.endOffset - log.recent();
          for (const merged of log.merged()) expect(merged).toBeGreaterThanOrEqual(left);
        }
      }
    },
  );

  it.each(GENERATIONS)("%d to a generation: a crash after every chunk leaves no more behind", (generationPlaces) => {
    const random = new Random(TEST_SEED + generationPlaces);
    for (const chunkMax of [1, generationPlaces, 3 * generationPlaces]) {
      using log = new PlaceLog(generationPlaces, random);
      for (let step = 0; step < 60; step++) {
        log.commit(log.maker.chunk(1 + random.below(chunkMax)));
        expect(log.recent()).toBeLessThanOrEqual(recentMax(generationPlaces, chunkMax));
        for (let times = random.below(3); times >= 0; times--) log.crash();
        expect(log.recent()).toBeLessThan(2 * generationPlaces + chunkMax);
      }
      expectFound(log.finder(), log.maker, `seed ${TEST_SEED}`);
    }
  });

  it("of thousands of streams with an event or two each are merged as fast", () => {
    const random = new Random(TEST_SEED);
    using log = new PlaceLog(512, random, 0, 4000);
    const finder = log.finder();
    for (let step = 0; step < 60; step++) {
      log.commit(log.maker.chunk(100));
      expect(log.recent()).toBeLessThanOrEqual(recentMax(512, 100, 3));
      if (step % 20 === 19) {
        expectFound(finder, log.maker, `seed ${TEST_SEED}, step ${step}`);
        log.crash();
      }
    }
    const [ids, numbers] = log.merged();
    expect(Math.min(ids, numbers)).toBeGreaterThanOrEqual(6000 - recentMax(512, 100, 3));
  });

  it("that found no room in the middle of a merge are merged with the next chunks", () => {
    using log = new PlaceLog(100, new Random(TEST_SEED));
    for (let step = 0; step < 13; step++) log.commit(log.maker.chunk(10));
    expect(log.merged()[0]).toBeGreaterThan(0);
    for (let times = 0; times < 3; times++) {
      expect(log.commitWithRoom(log.maker.chunk(2000), 2)).toBe(true);
      // And where there was room for some of the merge.
      log.rollBack(log.maker.chunk(20));
    }
    expect(log.recent()).toBe(130);
    for (let step = 0; step < 13; step++) log.commit(log.maker.chunk(10));
    expect(log.recent()).toBeLessThan(200);
    expectFound(log.finder(), log.maker, `seed ${TEST_SEED}`);
  });

  it.each(["places_by_id", "places_by_number"])("are not merged over another place in %s", (table) => {
    const random = new Random(TEST_SEED);
    using log = new PlaceLog(8, random);
    log.commit(log.maker.chunk(8));
    const { eventId, streamRef, kind, sequenceNumber } = log.maker.places[5]!;
    const key = table === "places_by_id" ? [eventId] : [streamRef, kind, sequenceNumber];
    log.db.prepare(`INSERT INTO ${table} VALUES (${key.map(() => "?").join()}, 4711)`).run(...key);
    expect(() => log.commit(log.maker.chunk(100))).toThrow("has one place");
    log.db.exec("ROLLBACK");
    log.lane.rolledBack();
    expect(log.merged()[0]).toBe(table === "places_by_id" ? 1 : 0);
    // What was undone is tried again.
    expect(() => log.commit(log.maker.chunk(30))).toThrow("has one place");
  });

  it("that were undone do not come with a later chunk that holds no event", () => {
    using log = new PlaceLog(8, new Random(TEST_SEED));
    log.commit(log.maker.chunk(5));
    const undone = log.maker.chunk(3);
    log.rollBack(undone);
    // As of a registration of a key.
    log.commit([]);
    log.lane.expectHead(5);
    for (const { eventId } of undone) expect(log.lane.offsetOfEvent(eventId)).toBeUndefined();
    log.commit([]);
    log.lane.expectHead(5);
    log.commit(undone);
    log.lane.expectHead(8);
  });

  it("are merged also where every second chunk is undone", () => {
    const random = new Random(TEST_SEED);
    using log = new PlaceLog(100, random);
    for (let chunk = 0; chunk < 200; chunk++) {
      log.rollBack(log.maker.chunk(50));
      log.commit(log.maker.chunk(50));
    }
    const places = log.db.prepare("SELECT sum(length(places)) / 32 FROM recent_places").pluck().get() as number;
    expect(places).toBeLessThanOrEqual(recentMax(100, 50));
    expectFound(log.finder(), log.maker, `seed ${TEST_SEED}`);
  });

  it("let a start do without merging where the disk is full", () => {
    const random = new Random(TEST_SEED);
    using log = new PlaceLog(1_000, random);
    log.commit(log.maker.chunk(3_500));
    const used = log.db.pragma("page_count", { simple: true }) as number;
    log.db.pragma(`max_page_count = ${used}`);
    const next = new LanePlaces(log.db, 1_000);
    for (const { eventId, offset } of log.maker.places) expect(next.offsetOfEvent(eventId)).toBe(offset);
    expect(log.merged()).toEqual([0, 0]);
    log.db.pragma("max_page_count = 4294967294");
    log.crash();
    expect(log.merged()[0]).toBe(2_000);
    expectFound(log.finder(), log.maker, `seed ${TEST_SEED}`);
  });

  it.each(["places_by_id", "places_by_number"])("are not merged over another place in %s by a start", (table) => {
    using log = new PlaceLog(8, new Random(TEST_SEED));
    log.commit(log.maker.chunk(24));
    const { eventId, streamRef, kind, sequenceNumber } = log.maker.places[5]!;
    const key = table === "places_by_id" ? [eventId] : [streamRef, kind, sequenceNumber];
    log.db.prepare(`INSERT INTO ${table} VALUES (${key.map(() => "?").join()}, 4711)`).run(...key);
    expect(() => log.crash()).toThrow("has one place");
  });

  it("of one event are merged at once when asked for, and again with the others", () => {
    const random = new Random(TEST_SEED);
    using log = new PlaceLog(8, random);
    log.commit(log.maker.chunk(7));
    const { eventId, offset } = log.maker.places[3]!;
    for (const id of [eventId, eventId, log.maker.unknownId()]) {
      log.db.transaction(() => log.lane.mergeEvent(id)).immediate();
    }
    expect(log.db.prepare(`SELECT event_id, "offset" FROM places_by_id`).raw().all()).toEqual([
      [Buffer.from(eventId), offset],
    ]);
    for (let step = 0; step < 20; step++) log.commit(log.maker.chunk(5));
    expectFound(log.finder(), log.maker, `seed ${TEST_SEED}`);
    expect(log.merged()[0]).toBeGreaterThan(8);
  });
});

describe("readers in threads of their own", () => {
  it("find every place that was durable when they asked, while it is merged", async () => {
    using log = new PlaceLog(64, new Random(TEST_SEED));
    const head = new Int32Array(new SharedArrayBuffer(4));
    const asked = Array.from({ length: 2 }, () => new Int32Array(new SharedArrayBuffer(4)));
    const faults = asked.map((lookups, index) => {
      const workerData = {
        folder: log.folder,
        head,
        lookups,
        seed: TEST_SEED + index,
        dist: join(packageRoot, "dist", "src"),
      };
      const reader = new Worker(READER, { eval: true, workerData });
      return new Promise<string>((resolve, reject) => reader.once("message", resolve).once("error", reject));
    });
    const isOver = () => asked.every((lookups) => Atomics.load(lookups, 0) >= LOOKUPS);
    for (let offset = 0; offset < PLACES_MIN || !isOver(); ) {
      const size = 1 + (offset % 37);
      log.commit(Array.from({ length: size }, (_, index) => threadPlace(offset + index)));
      offset += size;
      Atomics.store(head, 0, offset);
      await setImmediate();
    }
    Atomics.store(head, 0, -1);
    expect(await Promise.all(faults)).toEqual(["", ""]);
    expect(log.merged()[0]).toBeGreaterThan(PLACES_MIN / 2);
  });
});

const LOOKUPS = 20_000;
const PLACES_MIN = 5000;

/** A function of the offset alone, so that a reader knows what it must find. */
function threadPlace(offset: number): Place {
  const eventId = createHash("sha256").update(`${offset}`).digest().subarray(0, 16);
  return { offset, eventId, streamRef: 1 + (offset % 3), kind: 0, sequenceNumber: 1 + Math.floor(offset / 3) };
}

/** Runs the built finder: a thread loads no TypeScript. */
const READER = `
const { createHash } = require("node:crypto");
const { parentPort, workerData } = require("node:worker_threads");
const { folder, head, lookups, seed, dist } = workerData;
Promise.all([import(dist + "/store/sqlite/connection.js"), import(dist + "/store/sqlite/place-finder.js")]).then(
  ([{ openReader }, { PlaceFinder }]) => {
    const db = openReader(folder);
    const finder = new PlaceFinder(db);
    let fault = "";
    let state = seed;
    // Knuth's linear congruential generator, its upper bits.
    const below = (n) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
    const expectSame = (what, found, expected) => {
      if (String(found) !== String(expected)) fault ||= what + ": " + found + " instead of " + expected;
    };
    for (let end = 0; (end = Atomics.load(head, 0)) >= 0 && fault === ""; Atomics.add(lookups, 0, 1)) {
      if (end === 0) continue;
      const offset = below(end);
      const id = createHash("sha256").update(String(offset)).digest().subarray(0, 16);
      expectSame("event", finder.offsetOfEvent(id), offset);
      const from = 1 + Math.floor(offset / 3);
      const range = { streamRef: 1 + (offset % 3), kind: 0, from, to: from + 199, limit: 200 };
      const found = finder.offsets(range);
      for (let at = 0; at < 200 && offset + 3 * at < end; at++) expectSame("number", found[at], offset + 3 * at);
    }
    // Whoever waits for this one waits no longer.
    Atomics.add(lookups, 0, ${LOOKUPS});
    db.close();
    parentPort.postMessage(fault);
  },
);`;

/** By their ids one by one, by their numbers one by one and in ranges; what is not there is not found. */
function expectFound(finder: PlaceFinder, maker: PlaceMaker, where: string): void {
  const { random } = maker;
  for (const { eventId, offset } of maker.places) expect(finder.offsetOfEvent(eventId), where).toBe(offset);
  for (let i = 0; i < 5; i++) expect(finder.offsetOfEvent(maker.unknownId()), where).toBeUndefined();
  const streams = new Map<string, Place[]>([["99/0", []]]);
  for (const place of maker.places) {
    const name = `${place.streamRef}/${place.kind}`;
    streams.set(name, [...(streams.get(name) ?? []), place]);
  }
  const someStreams = streams.size <= 20 ? [...streams] : [...streams].filter(() => random.chance(20 / streams.size));
  for (const [name, places] of someStreams) {
    const [streamRef, kind] = name.split("/").map(Number) as [number, number];
    const first = places[0]?.sequenceNumber ?? 1;
    const found = (from: number, to: number, limit: number) => finder.offsets({ streamRef, kind, from, to, limit });
    const expected = (from: number, to: number, limit: number) =>
      places
        .filter(({ sequenceNumber }) => sequenceNumber >= from && sequenceNumber <= to)
        .slice(0, limit)
        .map(({ offset }) => offset);
    const all = [0, Number.MAX_SAFE_INTEGER, 100_000] as const;
    expect(found(...all), where).toEqual(expected(...all));
    for (let i = 0; i < 4; i++) {
      const from = first - 1 + random.below(places.length + 2);
      const range = [from, from - 1 + random.below(places.length + 2), 1 + random.below(places.length + 1)] as const;
      expect(found(...range), where).toEqual(expected(...range));
      expect(finder.offsetOfNumber(streamRef, kind, from), where).toBe(expected(from, from, 1)[0]);
    }
  }
}
