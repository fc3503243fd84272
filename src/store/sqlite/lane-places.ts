/**
 * The lane's side of places: which event ids the log has, and the tables they are found by. A chunk adds one row to
 * `recent_places`, in its own transaction. When a generation of them is whole, later chunks merge it into the sorted tables,
 * a little each, so that ids which are random in the log arrive there in order: many to a page.
 *
 * A crash loses nothing: the rows of a generation leave in the transaction that merged its last place. A start takes
 * them up again and merges from the beginning; what is in the tables already says the same.
 */
import { GENERATION_PLACES, type Place, type PlaceGeneration, RecentPlaces } from "../recent-places.js";
import type { Connection } from "./connection.js";
import { packPlaces, unpackPlaces } from "./place-rows.js";

/** Rows a statement merges at most, and that are due before one is run: they share the pages they touch. */
const MERGE_ROWS = 64;

/** Rows merged for each new entry, both tables together: a generation is merged well before the next one is whole. */
const MERGE_PACE = 2.5;

/** Whole generations a start leaves to later chunks; if starts follow each other quickly, it merges the older ones itself. */
const GENERATIONS_LEFT_MAX = 1;

/** A statement between one yield and the next, which says how many rows it wrote. Returns the offset below which all is merged. */
type Merge = Generator<number, number>;

export class LanePlaces {
  readonly #sql;
  readonly #recent: RecentPlaces;
  /** Of the oldest whole generation that is not merged by now; null = none is whole. */
  #merge: Merge | null = null;
  #rowsDue = 0;
  /** What the open transaction adds, whether it merged, and the offset below which all is merged by it. */
  #added: readonly Place[] = [];
  #hasMerged = false;
  #mergedBelow: number | null = null;

  constructor(db: Connection, generationPlaces = GENERATION_PLACES) {
    this.#recent = new RecentPlaces(generationPlaces);
    this.#sql = {
      byId: db.prepare(`SELECT "offset" FROM places_by_id WHERE event_id = ?`).pluck(),
      add: db.prepare("INSERT INTO recent_places VALUES (?, ?)"),
      mergeIds: db.prepare(
        `INSERT INTO places_by_id SELECT substr(?, 1 + 16 * key, 16), value FROM json_each(?) WHERE true
           ON CONFLICT (event_id) DO UPDATE SET "offset" = excluded."offset" WHERE "offset" <> excluded."offset"`,
      ),
      mergeNumbers: db.prepare(
        `INSERT INTO places_by_number SELECT ?, ?, ? + key, value FROM json_each(?) WHERE true
           ON CONFLICT (stream_ref, kind, sequence_number)
           DO UPDATE SET "offset" = excluded."offset" WHERE "offset" <> excluded."offset"`,
      ),
      forget: db.prepare("DELETE FROM recent_places WHERE last_offset < ?"),
    };
    this.#readBack(db);
  }

  /** Of an entry of either kind. */
  offsetOfEvent(eventId: Uint8Array): number | undefined {
    return this.#recent.offsetOfEvent(eventId) ?? (this.#sql.byId.get(eventId) as number | undefined);
  }

  /** In the chunk's transaction: the places of its entries, and some of the merging. */
  write(places: readonly Place[]): void {
    const last = places.at(-1);
    if (last === undefined) return;
    this.#added = places;
    this.#sql.add.run(last.offset, packPlaces(places));
    if (this.#merge === null) return;
    this.#rowsDue += places.length * MERGE_PACE;
    // A chunk may be larger than a generation: as many as are due.
    while (this.#merge !== null && this.#rowsDue >= MERGE_ROWS) this.#mergeSome(this.#merge);
  }

  /** In a transaction: the event's place stands in `places_by_id` now, not later. */
  mergeEvent(eventId: Uint8Array): void {
    const offset = this.#recent.offsetOfEvent(eventId);
    if (offset !== undefined) this.#sql.mergeIds.run(eventId, JSON.stringify([offset]));
  }

  /** The transaction is durable. */
  committed(): void {
    for (const place of this.#added) this.#recent.add(place);
    if (this.#mergedBelow !== null) this.#recent.forgetBelow(this.#mergedBelow);
    this.#endTransaction();
    if (this.#merge === null) this.#beginMerge();
  }

  /** The transaction left no trace: what it merged is merged again, from the generation's beginning. */
  rolledBack(): void {
    const hasMerged = this.#hasMerged;
    this.#endTransaction();
    if (hasMerged) this.#beginMerge();
  }

  #endTransaction(): void {
    this.#added = [];
    this.#hasMerged = false;
    this.#mergedBelow = null;
  }

  #mergeSome(merge: Merge): void {
    this.#hasMerged = true;
    const step = merge.next();
    if (!step.done) {
      this.#rowsDue -= step.value;
      return;
    }
    this.#mergedBelow = step.value;
    this.#merge = this.#mergeFrom(step.value);
  }

  #beginMerge(): void {
    this.#merge = this.#mergeFrom(0);
    this.#rowsDue = 0;
  }

  /** Of the oldest whole generation from an offset on. */
  #mergeFrom(offset: number): Merge | null {
    const oldest = this.#recent.complete.find(({ firstOffset }) => firstOffset >= offset);
    return oldest === undefined ? null : this.#mergeSteps(oldest);
  }

  *#mergeSteps(generation: PlaceGeneration): Merge {
    for (const { ids, offsets } of generation.idsInOrder(MERGE_ROWS)) {
      this.#sql.mergeIds.run(ids, JSON.stringify(offsets));
      yield offsets.length;
    }
    for (const { streamRef, kind, firstNumber, offsets } of generation.runsInOrder()) {
      for (let at = 0; at < offsets.length; at += MERGE_ROWS) {
        const some = offsets.slice(at, at + MERGE_ROWS);
        this.#sql.mergeNumbers.run(streamRef, kind, firstNumber + at, JSON.stringify(some));
        yield some.length;
      }
    }
    this.#sql.forget.run(generation.endOffset);
    return generation.endOffset;
  }

  /** What a start finds: the rows of whole and of partly merged generations. */
  #readBack(db: Connection): void {
    const rows = db.prepare("SELECT last_offset, places FROM recent_places ORDER BY last_offset").raw();
    for (const [lastOffset, packed] of rows.iterate() as Iterable<[number, Buffer]>) {
      for (const place of unpackPlaces(lastOffset, packed)) this.#recent.add(place);
    }
    while (this.#recent.complete.length > GENERATIONS_LEFT_MAX) {
      const oldest = this.#recent.complete[0]!;
      db.transaction(() => {
        for (const _ of this.#mergeSteps(oldest));
      }).immediate();
      this.#recent.forgetBelow(oldest.endOffset);
    }
    this.#beginMerge();
  }
}
