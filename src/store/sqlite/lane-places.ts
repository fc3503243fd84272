/**
 * The lane's side of places: which event ids the log has, and the tables they are found by. A chunk adds one row to
 * `recent_places`, in its own transaction. When a generation of them is whole, later chunks merge it into the sorted tables,
 * a little each, so that ids which are random in the log arrive there in order: many to a page.
 *
 * A crash loses nothing: the rows of a generation leave in the transaction that merged its last place. A start takes
 * them up again and merges from the beginning; what is in the tables already says the same.
 */
import { assert } from "../../base/assert.js";
import { GENERATION_PLACES, type Place, type PlaceGeneration, RecentPlaces } from "../recent-places.js";
import { type Connection, isDiskFull } from "./connection.js";
import { countEntries } from "./log-identity.js";
import { packPlaces, unpackPlaces } from "./place-rows.js";

/** Rows a statement merges at most, and that are due before one is run: they share the pages they touch. */
const MERGE_ROWS = 64;

/** Rows merged for each new entry, both tables together: a generation is merged well before the next one is whole. */
const MERGE_PACE = 2.5;

/** Whole generations a start leaves to later chunks; if starts follow each other quickly, it merges the older ones itself. */
const GENERATIONS_LEFT_MAX = 1;

/** One statement of a merge. What it wrote counts when its transaction is durable. */
interface MergeStep {
  readonly rows: number;
  /** Set on a generation's last: everything below this offset is in the tables. */
  readonly mergedBelow?: number;
  run(): void;
}

export class LanePlaces {
  readonly #sql;
  readonly #recent: RecentPlaces;
  readonly #steps = this.#mergeSteps();
  /** Steps that a rollback undid: they come first. */
  readonly #undone: MergeStep[] = [];
  #rowsDue = 0;
  /** Offset behind the last entry whose place is known. */
  #end: number;
  /** What the open transaction adds and which steps it took. */
  #added: readonly Place[] = [];
  #taken: MergeStep[] = [];

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
    this.#end = countEntries(db);
    this.#readBack(db);
  }

  /**
   * In a transaction that nothing was decided in yet: the newest entry is the last one that was written here. Another writer's
   * events would be in no table of places and not in this memory either, and so be sequenced twice.
   */
  expectHead(nextOffset: number): void {
    assert(nextOffset === this.#end, "another process has written to this log");
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
    this.#rowsDue += places.length * MERGE_PACE;
    // As many steps as are due: a chunk may be larger than a generation.
    while (this.#rowsDue >= MERGE_ROWS && this.#mergeSome() !== null);
  }

  /** In a transaction: the event's place stands in `places_by_id` now, not later. */
  mergeEvent(eventId: Uint8Array): void {
    const offset = this.#recent.offsetOfEvent(eventId);
    if (offset !== undefined) this.#sql.mergeIds.run(eventId, JSON.stringify([offset]));
  }

  /** The transaction is durable. */
  committed(): void {
    for (const place of this.#added) this.#recent.add(place);
    this.#end += this.#added.length;
    for (const { mergedBelow } of this.#taken) if (mergedBelow !== undefined) this.#recent.forgetBelow(mergedBelow);
    this.#added = [];
    this.#taken = [];
  }

  /** The transaction left no trace: the steps it took are taken again. */
  rolledBack(): void {
    this.#undone.unshift(...this.#taken);
    this.#added = [];
    this.#taken = [];
  }

  /** Takes the next step; null = no generation is whole, nothing is due. */
  #mergeSome(): MergeStep | null {
    const step = this.#undone.shift() ?? this.#steps.next().value;
    if (step === null) {
      this.#rowsDue = 0;
      return null;
    }
    this.#taken.push(step);
    step.run();
    this.#rowsDue -= step.rows;
    return step;
  }

  /** Every generation as soon as it is whole, the oldest first; null while none is. */
  *#mergeSteps(): Generator<MergeStep | null, never> {
    for (let from = 0; ; ) {
      const oldest = this.#recent.complete.find(({ firstOffset }) => firstOffset >= from);
      if (oldest === undefined) yield null;
      else {
        yield* this.#stepsOf(oldest);
        from = oldest.endOffset;
      }
    }
  }

  *#stepsOf(generation: PlaceGeneration): Generator<MergeStep> {
    const { mergeIds, mergeNumbers, forget } = this.#sql;
    for (const { ids, offsets } of generation.idsInOrder(MERGE_ROWS)) {
      yield { rows: offsets.length, run: () => mergeIds.run(ids, JSON.stringify(offsets)) };
    }
    for (const { streamRef, kind, firstNumber, offsets } of generation.runsInOrder()) {
      for (let at = 0; at < offsets.length; at += MERGE_ROWS) {
        const some = offsets.slice(at, at + MERGE_ROWS);
        yield {
          rows: some.length,
          run: () => mergeNumbers.run(streamRef, kind, firstNumber + at, JSON.stringify(some)),
        };
      }
    }
    const mergedBelow = generation.endOffset;
    yield { rows: 0, mergedBelow, run: () => forget.run(mergedBelow) };
  }

  /** What a start finds: the rows of whole and of partly merged generations. */
  #readBack(db: Connection): void {
    const rows = db.prepare("SELECT last_offset, places FROM recent_places ORDER BY last_offset").raw();
    for (const [lastOffset, packed] of rows.iterate() as Iterable<[number, Buffer]>) {
      for (const place of unpackPlaces(lastOffset, packed)) this.#recent.add(place);
    }
    while (this.#recent.complete.length > GENERATIONS_LEFT_MAX && this.#mergeOldest(db));
  }

  /** False = the disk has no room for it: then it is left to later chunks too. */
  #mergeOldest(db: Connection): boolean {
    try {
      db.transaction(() => {
        while (this.#mergeSome()?.mergedBelow === undefined);
      }).immediate();
      this.committed();
    } catch (error) {
      this.rolledBack();
      if (!isDiskFull(error)) throw error;
      return false;
    }
    this.#rowsDue = 0;
    return true;
  }
}
