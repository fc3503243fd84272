/**
 * The columns that Merkle leaves are made of, packed, on a read-only connection. Entries never change, so a range may be
 * read in pages: no snapshot is held longer than one page takes, and memory is one page.
 */
import { assert } from "../../base/assert.js";
import { bytesEqual } from "../../base/bytes.js";
import { uuidToBytes } from "../../base/ids.js";
import { ENTRY_KINDS } from "../../protocol/entry-kind.js";
import { MERKLE_LEAF_RECORD_BYTES } from "../../protocol/merkle.js";
import { MerkleFrontier } from "../../protocol/merkle-frontier.js";
import type { EventRange } from "../commitment-contract.js";
import type { Connection } from "./connection.js";
import { PlaceFinder } from "./place-finder.js";
import { ENTRIES_AT } from "./place-rows.js";

const PAGE_ROWS = 4096;
const VES = ENTRY_KINDS.indexOf("ves_event");

type LeafRow = readonly [sequenceNumber: number, signingHash: Buffer, agentSignature: Buffer];

export class MerkleLeafReader {
  readonly #places: PlaceFinder;
  readonly #streamRef;
  readonly #page;

  constructor(db: Connection, places = new PlaceFinder(db)) {
    this.#places = places;
    this.#streamRef = db.prepare("SELECT ref FROM streams WHERE tenant_id = ? AND store_id = ?").pluck();
    this.#page = db
      .prepare(
        `SELECT e.sequence_number, e.signing_hash, e.agent_signature FROM ${ENTRIES_AT}
          WHERE e.stream_ref = ? AND e.kind = ${VES}`,
      )
      .raw();
  }

  /** Hands on leaf records in sequence order, a page at a time, and returns how many there were. */
  read(range: EventRange, onRecords: (records: Uint8Array) => void): number {
    const ref = this.#streamRef.get(uuidToBytes(range.tenantId), uuidToBytes(range.storeId)) as number | undefined;
    if (ref === undefined) return 0;
    let count = 0;
    for (let from = range.sequenceStart; from <= range.sequenceEnd; from += PAGE_ROWS) {
      const to = Math.min(from + PAGE_ROWS - 1, range.sequenceEnd);
      const offsets = this.#places.offsets({ streamRef: ref, kind: VES, from, to, limit: PAGE_ROWS });
      const rows = this.#page.all(JSON.stringify(offsets), ref) as LeafRow[];
      if (rows.length > 0) onRecords(packRecords(rows, from));
      count += rows.length;
      if (rows.length < to - from + 1) break;
    }
    return count;
  }

  /** Whether this is the Merkle root of the events in the range, and all of them are there. */
  hasRoot(range: EventRange & { readonly merkleRoot: Uint8Array }): boolean {
    const { sequenceStart, sequenceEnd, merkleRoot } = range;
    const frontier = new MerkleFrontier(range, sequenceStart);
    const count = this.read(range, (records) => frontier.add(records));
    return count === sequenceEnd - sequenceStart + 1 && bytesEqual(frontier.root(), merkleRoot);
  }
}

/** Throws where a row is not the event that has its number: a leaf is never made of another. */
function packRecords(rows: readonly LeafRow[], from: number): Uint8Array {
  const records = new Uint8Array(rows.length * MERKLE_LEAF_RECORD_BYTES);
  let at = 0;
  for (const [sequenceNumber, signingHash, agentSignature] of rows) {
    const expected = from + at / MERKLE_LEAF_RECORD_BYTES;
    assert(sequenceNumber === expected, `number ${expected} leads to event ${sequenceNumber}`);
    records.set(signingHash, at);
    records.set(agentSignature, at + signingHash.length);
    at += MERKLE_LEAF_RECORD_BYTES;
  }
  return records;
}
