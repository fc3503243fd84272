/**
 * What a legacy commitment is made of, on a read-only connection: the leaves of its range and the versions that the stream's
 * entities had right after it. Both follow from entries alone, so they are the same whenever they are read, and are read in
 * pages: no snapshot is held longer than one page takes, however many entities a stream has.
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
  readonly #places: PlaceFinder;
  readonly #sql;

  constructor(db: Connection, places = new PlaceFinder(db)) {
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
      firstVersions: prepareVersions(db, ">="),
      nextVersions: prepareVersions(db, ">"),
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
    const after = this.offsetOf(range, sequenceEnd);
    assert(after !== null, `there is no legacy event ${sequenceEnd}`);
    return legacyStateRoot(tenantId, storeId, versionsAt(this.entities(range, after, Number.MAX_SAFE_INTEGER)));
  }

  /**
   * Every entity of the stream by type and id, as it is now, and how many events it got in `after` < offset <= `until`: each one's
   * facts are of one moment, two entities' maybe not.
   */
  *entities(stream: StreamName, after: number, until: number): Generator<EntityRow> {
    const at = { stream: this.#streamRef(stream), after, until };
    let page = this.#sql.firstVersions.all({ ...at, type: "", id: "" }) as EntityRow[];
    for (;;) {
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      page = this.#sql.nextVersions.all({ ...at, type: last.entityType, id: last.entityId }) as EntityRow[];
    }
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

/** Today's versions less the events since: few, because what is committed is mostly what came last. */
function* versionsAt(entities: Iterable<EntityRow>): Generator<EntityVersion> {
  for (const { entityType, entityId, version, events } of entities) {
    if (version > events) yield { entityType, entityId, version: version - events };
  }
}

function prepareVersions(db: Connection, follows: ">" | ">=") {
  return db.prepare(
    `SELECT n.entity_type AS entityType, n.entity_id AS entityId, n.version,
            (SELECT count(*) FROM entries e WHERE e.entity_ref = n.ref AND e.kind IN (0, 1)
                AND e."offset" > :after AND e."offset" <= :until) AS events
       FROM entities n WHERE n.stream_ref = :stream AND (n.entity_type, n.entity_id) ${follows} (:type, :id)
      ORDER BY n.entity_type, n.entity_id LIMIT ${PAGE_ROWS}`,
  );
}
