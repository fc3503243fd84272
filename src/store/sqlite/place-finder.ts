/**
 * Finds entries by event id and by number, on a connection that reads: the newest in memory, which follows the lane's rows,
 * the others in the sorted tables. In this order: whatever leaves `recent_places` is in the tables by then.
 */
import { type Place, RecentPlaces } from "../recent-places.js";
import type { Connection } from "./connection.js";
import { hasPlaceTables, SELECT_RECENT_BEGIN, unpackPlaces } from "./place-rows.js";

/** Numbers of one stream's entries of one kind, both ends inclusive, and how many of them at most. */
export interface NumberRange {
  readonly streamRef: number;
  /** Index into `ENTRY_KINDS`. */
  readonly kind: number;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

/** Whole generations from which on it asks which of them are merged by now. */
const GENERATIONS_KEPT_MAX = 2;

type RecentRow = readonly [lastOffset: number, places: Buffer];

export class PlaceFinder {
  readonly #sql;
  #recent = new RecentPlaces();

  /** `db` may hold a log of before there were places, a backup for example: then its own indexes answer. */
  constructor(db: Connection) {
    const hasPlaces = hasPlaceTables(db);
    const [ids, numbers] = hasPlaces ? ["places_by_id", "places_by_number"] : ["entries", "entries"];
    this.#sql = {
      byId: db.prepare(`SELECT "offset" FROM ${ids} WHERE event_id = ?`).pluck(),
      byNumber: db
        .prepare(
          `SELECT "offset" FROM ${numbers} WHERE stream_ref = ? AND kind = ? AND sequence_number BETWEEN ? AND ?
            ORDER BY sequence_number LIMIT ?`,
        )
        .pluck(),
      recent: db
        .prepare(
          hasPlaces
            ? "SELECT last_offset, places FROM recent_places WHERE last_offset >= ? ORDER BY last_offset"
            : "SELECT 0, NULL WHERE ? IS NULL",
        )
        .raw(),
      begin: db.prepare(hasPlaces ? SELECT_RECENT_BEGIN : "SELECT 0").pluck(),
    };
  }

  /** Of an entry of either kind; undefined = no entry has that event. */
  offsetOfEvent(eventId: Uint8Array): number | undefined {
    this.#follow();
    return this.#recent.offsetOfEvent(eventId) ?? (this.#sql.byId.get(eventId) as number | undefined);
  }

  offsetOfNumber(streamRef: number, kind: number, sequenceNumber: number): number | undefined {
    return this.offsets({ streamRef, kind, from: sequenceNumber, to: sequenceNumber, limit: 1 })[0];
  }

  /** Offsets in the order of the numbers. */
  offsets({ streamRef, kind, from, to, limit }: NumberRange): number[] {
    this.#follow();
    const runs = this.#recent.runs(streamRef, kind);
    const mergedTo = Math.min(to, (runs[0]?.firstNumber ?? Number.POSITIVE_INFINITY) - 1);
    const offsets = (from > mergedTo ? [] : this.#sql.byNumber.all(streamRef, kind, from, mergedTo, limit)) as number[];
    for (const run of runs) {
      const first = Math.max(from - run.firstNumber, 0);
      const end = Math.min(to - run.firstNumber + 1, first + limit - offsets.length);
      if (end > first) offsets.push(...run.offsets.slice(first, end));
    }
    return offsets;
  }

  /** Takes what the lane added since. */
  #follow(): void {
    const from = this.#recent.endOffset ?? 0;
    for (const [lastOffset, packed] of this.#sql.recent.iterate(from) as Iterable<RecentRow>) {
      for (const place of unpackPlaces(lastOffset, packed)) this.#take(place);
    }
    if (this.#recent.complete.length < GENERATIONS_KEPT_MAX) return;
    const begin = this.#sql.begin.get() as number | undefined;
    if (begin !== undefined) this.#recent.forgetBelow(begin);
  }

  #take(place: Place): void {
    const end = this.#recent.endOffset ?? place.offset;
    if (place.offset < end) return;
    // A gap was merged meanwhile, and with it everything known here.
    if (place.offset > end) this.#recent = new RecentPlaces();
    this.#recent.add(place);
  }
}
