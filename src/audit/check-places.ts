/**
 * Where event ids and numbers lead. An entry's place stands in two sorted tables that are written behind the log, and until
 * then in `recent_places` (migrations/sqlite/0008_places.sql). To SQLite those are tables like any other, so its own check
 * says nothing of them: the audit looks up every entry, and counts what else is there.
 */
import { bytesEqual } from "../base/bytes.js";
import { type Place, RecentPlaces } from "../store/recent-places.js";
import type { Connection } from "../store/sqlite/connection.js";
import { hasPlaceTables, PLACE_BYTES, SELECT_RECENT_BEGIN, unpackPlaces } from "../store/sqlite/place-rows.js";
import { AuditFault, expectFact, type Finding } from "./audit-fault.js";
import type { OrderCheck } from "./order-check.js";

const TABLES = {
  places_by_id: { what: "event id", lookup: "event_id = ?" },
  places_by_number: { what: "number", lookup: "stream_ref = ? AND kind = ? AND sequence_number = ?" },
} as const;
type PlaceTable = keyof typeof TABLES;
const TABLE_NAMES = Object.keys(TABLES) as PlaceTable[];

/** In the order of `TABLES`; null = not there. */
type FoundPlaces = readonly [byId: number | null, byNumber: number | null];

/** Looks entries up in both tables. Of a log from before there were any it says that all is well: SQLite checks its indexes. */
export class PlaceChecker {
  readonly #sql;
  readonly #found: Record<PlaceTable, number> = { places_by_id: 0, places_by_number: 0 };
  #recentFrom = Number.POSITIVE_INFINITY;

  constructor(db: Connection) {
    if (!hasPlaceTables(db)) {
      this.#sql = null;
      return;
    }
    const lookups = TABLE_NAMES.map((table) => `(SELECT "offset" FROM ${table} WHERE ${TABLES[table].lookup})`);
    this.#sql = {
      places: db.prepare(`SELECT ${lookups.join()}`).raw(),
      recentFrom: db.prepare(SELECT_RECENT_BEGIN).pluck(),
    };
  }

  /** Entries from here on stand in `recent_places`, whatever the tables have by now. */
  get recentFrom(): number {
    return this.#recentFrom;
  }

  /** How many entries each table had. */
  get found(): Readonly<Record<PlaceTable, number>> {
    return this.#found;
  }

  /** Call before the entries are looked up: what leaves `recent_places` meanwhile is in the tables by then. */
  begin(): void {
    const first = read("recent_places", () => this.#sql?.recentFrom.get() as number | undefined);
    this.#recentFrom = first ?? Number.POSITIVE_INFINITY;
  }

  /** Whether both tables have the entry. Throws AuditFault where one leads elsewhere, or lacks an entry that is not recent. */
  check({ offset, eventId, streamRef, kind, sequenceNumber }: Place): boolean {
    const sql = this.#sql;
    if (sql === null) return true;
    const find = () => sql.places.get(eventId, streamRef, kind, sequenceNumber) as FoundPlaces;
    const [byId, byNumber] = read("a table of places", find);
    const hasId = this.#judge("places_by_id", byId, offset);
    const hasNumber = this.#judge("places_by_number", byNumber, offset);
    return hasId && hasNumber;
  }

  #judge(table: PlaceTable, found: number | null, offset: number): boolean {
    if (found === offset) {
      this.#found[table] += 1;
      return true;
    }
    const { what } = TABLES[table];
    if (found !== null) throw new AuditFault(`its ${what} leads to offset ${found} in ${table}`);
    if (offset < this.#recentFrom) throw new AuditFault(`its ${what} is neither in ${table} nor in recent_places`);
    return false;
  }
}

/**
 * What the ranges left open, in one snapshot after every entry of it was found sound: the recent rows are the places of the
 * newest entries up to the log's end, one after the other, and the tables have no row that is not an entry's.
 */
export function checkPlaces(db: Connection, order: OrderCheck): Finding[] {
  if (!hasPlaceTables(db)) return [];
  const places = new PlaceChecker(db);
  places.begin();
  // Below, every entry was found in both tables and in no recent row.
  const from = Math.min(order.placedTo, places.recentFrom);
  const fault = newestFault(db, places, from);
  if (fault !== null) return [fault];
  return TABLE_NAMES.flatMap((table) => {
    const rows = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    const counted = Math.min(from, order.nextOffset) + places.found[table];
    return rows === counted
      ? []
      : [{ offset: null, message: `${table} has ${rows} rows, of which ${counted} are entries'` }];
  });
}

function newestFault(db: Connection, places: PlaceChecker, from: number): Finding | null {
  const recent = recentPlaces(db);
  const seen = new RecentPlaces();
  let offset: number | null = null;
  try {
    for (const entry of entriesFrom(db, from)) {
      offset = entry.offset;
      places.check(entry);
      if (offset < places.recentFrom) continue;
      expectSame(recent.next().value, entry);
      expectNew(seen, entry);
    }
    offset = null;
    const beyond = recent.next().value;
    expectFact(beyond === undefined, `recent_places has offset ${beyond?.offset}, where there is no entry`);
  } catch (error) {
    if (!(error instanceof AuditFault)) throw error;
    return { offset, message: error.message };
  } finally {
    // Left in the middle it would keep the connection busy.
    recent.return(undefined);
  }
  return null;
}

function* entriesFrom(db: Connection, from: number): Generator<Place> {
  const rows = db.prepare(
    `SELECT "offset", event_id AS eventId, stream_ref AS streamRef, kind, sequence_number AS sequenceNumber
       FROM entries WHERE "offset" >= ? ORDER BY "offset"`,
  );
  yield* rows.iterate(from) as Iterable<Place>;
}

/** Throws AuditFault for a row that does not begin where the one before it ended. */
function* recentPlaces(db: Connection): Generator<Place, undefined> {
  const rows = db.prepare("SELECT last_offset, places FROM recent_places ORDER BY last_offset").raw();
  let end: number | null = null;
  for (const [lastOffset, packed] of rows.iterate() as Iterable<readonly [number, Buffer]>) {
    const row = `the row ${lastOffset} of recent_places`;
    const count = packed.length / PLACE_BYTES;
    expectFact(Number.isInteger(count) && count > 0, `${row} has ${packed.length} bytes`);
    const first = lastOffset + 1 - count;
    expectFact(end === null || first === end, `${row} begins at offset ${first}, the one before it ends before ${end}`);
    yield* unpackPlaces(lastOffset, packed);
    end = lastOffset + 1;
  }
}

function expectSame(recent: Place | undefined, entry: Place): void {
  expectFact(recent !== undefined, "it is not in recent_places, which have older entries");
  expectFact(bytesEqual(recent.eventId, entry.eventId), "its event id is another one in recent_places");
  const { streamRef, kind, sequenceNumber } = recent;
  const isItsNumber = streamRef === entry.streamRef && kind === entry.kind && sequenceNumber === entry.sequenceNumber;
  expectFact(isItsNumber, `its number is ${sequenceNumber} of kind ${kind} in stream ${streamRef} in recent_places`);
}

/** In the sorted tables an id has room for one place; among recent ones nothing but this tells. */
function expectNew(seen: RecentPlaces, entry: Place): void {
  const other = seen.offsetOfEvent(entry.eventId);
  expectFact(other === undefined, `its event is entry ${other} too`);
  seen.add(entry);
}

function read<T>(table: string, get: () => T): T {
  try {
    return get();
  } catch (error) {
    throw new AuditFault(`${table} cannot be read: ${(error as Error).message}`);
  }
}
