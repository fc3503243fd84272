/**
 * What a legacy commitment is made of, on a read-only connection: the leaves of its range and the versions that the stream's
 * entities had right after it. Both follow from entries alone, so they are the same whenever they are read.
 */
import { uuidToBytes } from "../../base/ids.js";
import { legacyLeaf } from "../../protocol/legacy-merkle.js";
import { type EntityVersion, legacyStateRoot } from "../../protocol/legacy-state-root.js";
import type { MerkleStream } from "../../protocol/merkle.js";
import type { Connection } from "./connection.js";
import type { LeafRange } from "./leaf-reader.js";

export interface EntityRow extends EntityVersion {
  readonly events: number;
}

type LeafRow = readonly [sequenceNumber: number, payloadHash: Buffer, entityType: string, entityId: string];

const PAGE_ROWS = 4096;

export class LegacyLeafReader {
  readonly #db: Connection;
  readonly #sql;

  constructor(db: Connection) {
    this.#db = db;
    this.#sql = {
      streamRef: db.prepare("SELECT ref FROM streams WHERE tenant_id = ? AND store_id = ?").pluck(),
      page: db
        .prepare(
          `SELECT e.sequence_number, e.payload_hash, n.entity_type, n.entity_id
             FROM entries e JOIN entities n ON n.ref = e.entity_ref
            WHERE e.stream_ref = ? AND e.kind = 1 AND e.sequence_number BETWEEN ? AND ? ORDER BY e.sequence_number`,
        )
        .raw(),
      offset: db
        .prepare(`SELECT "offset" FROM entries WHERE stream_ref = ? AND kind = 1 AND sequence_number = ?`)
        .pluck(),
      versions: db.prepare(
        `SELECT n.entity_type AS entityType, n.entity_id AS entityId, n.version,
                (SELECT count(*) FROM entries e WHERE e.entity_ref = n.ref AND e.kind IN (0, 1)
                    AND e."offset" > :after AND e."offset" <= :until) AS events
           FROM entities n WHERE n.stream_ref = :stream ORDER BY n.entity_type, n.entity_id`,
      ),
    };
  }

  /** Leaves in sequence order; fewer than the range when an event of it is missing. */
  leaves(range: LeafRange): Uint8Array[] {
    const { tenantId, storeId, sequenceStart, sequenceEnd } = range;
    const leaves: Uint8Array[] = [];
    const ref = this.#streamRef(range);
    for (let from = sequenceStart; ref !== null && from <= sequenceEnd; from += PAGE_ROWS) {
      const to = Math.min(from + PAGE_ROWS - 1, sequenceEnd);
      for (const [sequenceNumber, payloadHash, entityType, entityId] of this.#sql.page.all(
        ref,
        from,
        to,
      ) as LeafRow[]) {
        leaves.push(legacyLeaf({ tenantId, storeId, sequenceNumber, payloadHash, entityType, entityId }));
      }
    }
    return leaves;
  }

  /** `new_state_root` of a commitment that ends with this range. Its last event must be stored. */
  stateRoot(range: LeafRange): Uint8Array {
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
  entities(stream: MerkleStream, after: number, until: number): readonly EntityRow[] {
    return this.#sql.versions.all({ stream: this.#streamRef(stream), after, until }) as EntityRow[];
  }

  /** Where the event with that number is in the log; null = nowhere. */
  offsetOf(stream: MerkleStream, sequenceNumber: number): number | null {
    return (this.#sql.offset.get(this.#streamRef(stream), sequenceNumber) as number | undefined) ?? null;
  }

  #streamRef({ tenantId, storeId }: MerkleStream): number | null {
    return (this.#sql.streamRef.get(uuidToBytes(tenantId), uuidToBytes(storeId)) as number | undefined) ?? null;
  }
}
