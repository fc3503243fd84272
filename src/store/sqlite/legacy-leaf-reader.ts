/**
 * What a legacy commitment is made of, on a read-only connection: the leaves of its range and the versions that the stream's
 * entities had right after it. Both follow from entries alone, so they are the same whenever they are read.
 */
import { assert } from "../../base/assert.js";
import { type StreamName, uuidToBytes } from "../../base/ids.js";
import { ENTRY_KINDS } from "../../protocol/entry-kind.js";
import { legacyLeaf } from "../../protocol/legacy-merkle.js";
import { type EntityVersion, legacyStateRoot } from "../../protocol/legacy-state-root.js";
import type { EventRange } from "../commitment-contract.js";
import type { Connection } from "./connection.js";
import { PlaceFinder } from "./place-finder.js";
import { ENTRIES_AT } from "./place-rows.js";

export interface EntityRow extends EntityVersion {
  readonly events: number;
}

type LeafRow = readonly [sequenceNumber: number, payloadHash: Buffer, entityType: string, entityId: string];

const PAGE_ROWS = 4096;
const LEGACY = ENTRY_KINDS.indexOf("event");

export class LegacyLeafReader {
  readonly #db: Connection;
  readonly #places: PlaceFinder;
  readonly #sql;

  constructor(db: Connection, places = new PlaceFinder(db)) {
    this.#db = db;
    this.#places = places;
    this.#sql = {
      streamRef: db.prepare("SELECT ref FROM streams WHERE tenant_id = ? AND store_id = ?").pluck(),
      page: db
        .prepare(
          `SELECT e.sequence_number, e.payload_hash, n.entity_type, n.entity_id
             FROM ${ENTRIES_AT} JOIN entities n ON n.ref = e.entity_ref
            WHERE e.stream_ref = ? AND e.kind = ${LEGACY}`,
        )
        .raw(),
      versions: db.prepare(
        `SELECT n.entity_type AS entityType, n.entity_id AS entityId, n.version,
                (SELECT count(*) FROM entries e WHERE e.entity_ref = n.ref AND e.kind IN (0, 1)
                    AND e."offset" > :after AND e."offset" <= :until) AS events
           FROM entities n WHERE n.stream_ref = :stream ORDER BY n.entity_type, n.entity_id`,
      ),
    };
  }

  /** Leaves in sequence order; fewer than the range when an event of it is missing. */
  leaves(range: EventRange): Uint8Array[] {
    const { tenantId, storeId, sequenceStart, sequenceEnd } = range;
    const leaves: Uint8Array[] = [];
    const ref = this.#streamRef(range);
    for (let from = sequenceStart; ref !== null && from <= sequenceEnd; from += PAGE_ROWS) {
      const to = Math.min(from + PAGE_ROWS - 1, sequenceEnd);
      const offsets = this.#places.offsets({ streamRef: ref, kind: LEGACY, from, to, limit: PAGE_ROWS });
      const rows = this.#sql.page.all(JSON.stringify(offsets), ref) as LeafRow[];
      for (const [sequenceNumber, payloadHash, entityType, entityId] of rows) {
        const expected = sequenceStart + leaves.length;
        assert(sequenceNumber === expected, `number ${expected} leads to legacy event ${sequenceNumber}`);
        leaves.push(legacyLeaf({ tenantId, storeId, sequenceNumber, payloadHash, entityType, entityId }));
      }
    }
    return leaves;
  }

  /** `new_state_root` of a commitment that ends with this range. Its last event must be stored. */
  stateRoot(range: EventRange): Uint8Array {
    const { tenantId, storeId, sequenceEnd } = range;
    // One snapshot: an event counted as later must be in the version it is taken from.
    const later = this.#db.transaction(() => {
      const after = this.offsetOf(range, sequenceEnd);
      return after === null ? [] : this.entities(range, after, Number.MAX_SAFE_INTEGER);
    })();
    // Today's versions less the events since: few, because what is committed is mostly what came last.
    const versions = later.map((entity) => ({ ...entity, version: entity.version - entity.events }));
    return legacyStateRoot(
      tenantId,
      storeId,
      versions.filter(({ version }) => version > 0),
    );
  }

  /** Every entity of the stream by type and id, as it is now, and how many events it got in `after` < offset <= `until`. */
  entities(stream: StreamName, after: number, until: number): readonly EntityRow[] {
    return this.#sql.versions.all({ stream: this.#streamRef(stream), after, until }) as EntityRow[];
  }

  /** Where the event with that number is in the log; null = nowhere. */
  offsetOf(stream: StreamName, sequenceNumber: number): number | null {
    const ref = this.#streamRef(stream);
    return (ref === null ? undefined : this.#places.offsetOfNumber(ref, LEGACY, sequenceNumber)) ?? null;
  }

  #streamRef({ tenantId, storeId }: StreamName): number | null {
    return (this.#sql.streamRef.get(uuidToBytes(tenantId), uuidToBytes(storeId)) as number | undefined) ?? null;
  }
}
