/** Rows of `recent_places`: the places of a chunk's entries, packed. */
import type { Place } from "../recent-places.js";
import type { Connection } from "./connection.js";
import { hasTable } from "./schema-questions.js";

/** Event id, 16 bytes; stream reference and kind, u32; sequence number, f64. Big-endian. */
export const PLACE_BYTES = 32;
const STREAM_AT = 16;
const KIND_AT = 20;
const NUMBER_AT = 24;

/** Offset of the oldest recent place; no row = there is none. */
export const SELECT_RECENT_BEGIN = `SELECT last_offset + 1 - length(places) / ${PLACE_BYTES} FROM recent_places
  ORDER BY last_offset LIMIT 1`;

/** Entries (`e`) at the offsets of a JSON array, in its order. */
export const ENTRIES_AT = `json_each(?) place CROSS JOIN entries e ON e."offset" = place.value`;

/** False = a log from before ids and numbers were found in tables of their own: unique indexes lead to its entries. */
export function hasPlaceTables(db: Connection): boolean {
  return hasTable(db, "recent_places");
}

export function packPlaces(places: readonly Place[]): Buffer {
  const packed = Buffer.allocUnsafe(places.length * PLACE_BYTES);
  places.forEach(({ eventId, streamRef, kind, sequenceNumber }, index) => {
    const at = index * PLACE_BYTES;
    packed.set(eventId, at);
    packed.writeUInt32BE(streamRef, at + STREAM_AT);
    packed.writeUInt32BE(kind, at + KIND_AT);
    packed.writeDoubleBE(sequenceNumber, at + NUMBER_AT);
  });
  return packed;
}

/** `lastOffset`: of the last place in `packed`. The ids are views of it. */
export function* unpackPlaces(lastOffset: number, packed: Buffer): Generator<Place> {
  let offset = lastOffset + 1 - packed.length / PLACE_BYTES;
  for (let at = 0; at < packed.length; at += PLACE_BYTES, offset++) {
    yield {
      offset,
      eventId: packed.subarray(at, at + STREAM_AT),
      streamRef: packed.readUInt32BE(at + STREAM_AT),
      kind: packed.readUInt32BE(at + KIND_AT),
      sequenceNumber: packed.readDoubleBE(at + NUMBER_AT),
    };
  }
}
