import { assert } from "../../base/assert.js";
import { ENTRY_KINDS } from "../../protocol/entry-kind.js";
import { receiptHashOfIds } from "../../protocol/receipt.js";
import { leafRecord } from "../../protocol/tlog-leaf.js";
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
  kind: number,
];

interface StreamRow {
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
}

/**
 * The entries as the tree's leaf records, read from durable rows: SQLite shows a row to other connections only after the
 * flush of its commit. Bound: `rowsMax` rows a call.
 */
export class TlogEntries {
  readonly #sql;
  readonly #streams = new Map<number, StreamRow>();
  readonly #sequencers = new Map<number, Buffer>();

  constructor(db: Connection) {
    this.#sql = {
      last: db.prepare(`SELECT max("offset") FROM entries`).pluck(),
      scan: db
        .prepare(
          `SELECT "offset", stream_ref, sequence_number, event_id, sequenced_at_ms, sequencer_ref, signing_hash,
                  receipt_signature, envelope, kind FROM entries WHERE "offset" >= ? ORDER BY "offset" LIMIT ?`,
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
    const kind = ENTRY_KINDS[row[9]]!;
    const { tenant_id: tenantId, store_id: storeId } = this.#stream(streamRef);
    return leafRecord({
      kind,
      offset,
      receiptHash: receiptHashOfIds(tenantId, storeId, eventId, sequenceNumber, signingHash, kind),
      sequencedAtMs,
      sequencerId: this.#sequencer(sequencerRef),
      receiptSignature: row[7],
      event: row[8],
    });
  }

  #stream(ref: number): StreamRow {
    const known = this.#streams.get(ref);
    if (known !== undefined) return known;
    const row = this.#sql.stream.get(ref) as StreamRow | undefined;
    assert(row !== undefined, `entry names stream ${ref}, which is not stored`);
    if (this.#streams.size >= STREAMS_KEPT_MAX) this.#streams.clear();
    this.#streams.set(ref, row);
    return row;
  }

  #sequencer(ref: number): Buffer {
    const known = this.#sequencers.get(ref);
    if (known !== undefined) return known;
    const id = this.#sql.sequencer.get(ref) as Buffer | undefined;
    assert(id !== undefined, `entry names sequencer ${ref}, which is not stored`);
    this.#sequencers.set(ref, id);
    return id;
  }
}

/** Streams whose ids are kept for the next rows. */
const STREAMS_KEPT_MAX = 100_000;
