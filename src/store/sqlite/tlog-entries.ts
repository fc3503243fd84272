import { assert } from "../../base/assert.js";
import { type Uuid, uuidFromBytes } from "../../base/ids.js";
import { leafRecord } from "../../protocol/tlog-leaf.js";
import { receiptHashOf } from "../entry-frame.js";
import type { Connection } from "./connection.js";

type Row = readonly [
  offset: number,
  streamRef: number,
  sequenceNumber: number,
  eventId: Buffer,
  sequencedAtMs: number,
  sequencerRef: number,
  signingHash: Buffer,
  receiptSignature: Buffer,
  envelope: Buffer,
];

interface Stream {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
}

/**
 * The entries as the tree's leaf records, read from durable rows: SQLite shows a row to other connections only after the
 * flush of its commit. Bound: `rowsMax` rows a call.
 */
export class TlogEntries {
  readonly #sql;
  readonly #streams = new Map<number, Stream>();
  readonly #sequencers = new Map<number, Uuid>();

  constructor(db: Connection) {
    this.#sql = {
      last: db.prepare(`SELECT max("offset") FROM entries`).pluck(),
      scan: db
        .prepare(
          `SELECT "offset", stream_ref, sequence_number, event_id, sequenced_at_ms, sequencer_ref, signing_hash,
                  receipt_signature, envelope FROM entries WHERE "offset" >= ? ORDER BY "offset" LIMIT ?`,
        )
        .raw(),
      stream: db.prepare("SELECT tenant_id, store_id FROM streams WHERE ref = ?"),
      sequencer: db.prepare("SELECT sequencer_id FROM sequencers WHERE ref = ?").pluck(),
    };
  }

  count(): number {
    const last = this.#sql.last.get() as number | null;
    return last === null ? 0 : last + 1;
  }

  /** Records of the entries from `fromOffset` on, in order, without a gap. */
  records(fromOffset: number, rowsMax: number): Uint8Array[] {
    const records: Uint8Array[] = [];
    for (const row of this.#sql.scan.iterate(fromOffset, rowsMax) as IterableIterator<Row>) {
      assert(row[0] === fromOffset + records.length, "the log has a gap");
      records.push(this.#record(row));
    }
    return records;
  }

  #record(row: Row): Uint8Array {
    const [offset, streamRef, sequenceNumber, eventId, sequencedAtMs, sequencerRef, signingHash] = row;
    const facts = { ...this.#stream(streamRef), eventId, sequenceNumber, signingHash };
    return leafRecord({
      offset,
      receiptHash: receiptHashOf(facts),
      sequencedAtMs,
      sequencerId: this.#sequencer(sequencerRef),
      receiptSignature: row[7],
      event: row[8],
    });
  }

  #stream(ref: number): Stream {
    let stream = this.#streams.get(ref);
    if (stream === undefined) {
      const row = this.#sql.stream.get(ref) as { tenant_id: Buffer; store_id: Buffer } | undefined;
      assert(row !== undefined, `entry names stream ${ref}, which is not stored`);
      stream = { tenantId: uuidFromBytes(row.tenant_id), storeId: uuidFromBytes(row.store_id) };
      if (this.#streams.size >= STREAMS_KEPT_MAX) this.#streams.clear();
      this.#streams.set(ref, stream);
    }
    return stream;
  }

  #sequencer(ref: number): Uuid {
    let id = this.#sequencers.get(ref);
    if (id === undefined) {
      const bytes = this.#sql.sequencer.get(ref) as Buffer | undefined;
      assert(bytes !== undefined, `entry names sequencer ${ref}, which is not stored`);
      id = uuidFromBytes(bytes);
      this.#sequencers.set(ref, id);
    }
    return id;
  }
}

/** Streams whose ids are kept for the next rows. */
const STREAMS_KEPT_MAX = 100_000;
