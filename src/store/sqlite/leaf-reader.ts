/**
 * The columns that Merkle leaves are made of, packed, on a read-only connection. Entries never change, so a range may be
 * read in pages: no snapshot is held longer than one page takes, and memory is one page.
 */
import { type Uuid, uuidToBytes } from "../../base/ids.js";
import { LEAF_RECORD_BYTES } from "../../protocol/merkle.js";
import type { Connection } from "./connection.js";

export interface LeafRange {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly sequenceStart: number;
  /** Inclusive. */
  readonly sequenceEnd: number;
}

const PAGE_ROWS = 4096;

type LeafRow = readonly [signingHash: Buffer, agentSignature: Buffer];

export class LeafReader {
  readonly #streamRef;
  readonly #page;

  constructor(db: Connection) {
    this.#streamRef = db.prepare("SELECT ref FROM streams WHERE tenant_id = ? AND store_id = ?").pluck();
    this.#page = db
      .prepare(
        `SELECT signing_hash, agent_signature FROM entries
          WHERE stream_ref = ? AND kind = 0 AND sequence_number BETWEEN ? AND ? ORDER BY sequence_number`,
      )
      .raw();
  }

  /** Hands on leaf records in sequence order, a page at a time, and returns how many there were. */
  read(range: LeafRange, onRecords: (records: Uint8Array) => void): number {
    const ref = this.#streamRef.get(uuidToBytes(range.tenantId), uuidToBytes(range.storeId)) as number | undefined;
    if (ref === undefined) return 0;
    let count = 0;
    for (let from = range.sequenceStart; from <= range.sequenceEnd; from += PAGE_ROWS) {
      const to = Math.min(from + PAGE_ROWS - 1, range.sequenceEnd);
      const rows = this.#page.all(ref, from, to) as LeafRow[];
      if (rows.length > 0) onRecords(packRecords(rows));
      count += rows.length;
      if (rows.length < to - from + 1) break;
    }
    return count;
  }
}

function packRecords(rows: readonly LeafRow[]): Uint8Array {
  const records = new Uint8Array(rows.length * LEAF_RECORD_BYTES);
  let at = 0;
  for (const [signingHash, agentSignature] of rows) {
    records.set(signingHash, at);
    records.set(agentSignature, at + signingHash.length);
    at += LEAF_RECORD_BYTES;
  }
  return records;
}
