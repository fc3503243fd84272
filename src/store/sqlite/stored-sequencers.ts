import { assert } from "../../base/assert.js";
import { bytesEqual } from "../../base/bytes.js";
import { uuidFromBytes } from "../../base/ids.js";
import type { ReceiptSigner } from "../contract.js";
import type { Connection } from "./connection.js";

export function isSameSigner(a: ReceiptSigner, b: ReceiptSigner): boolean {
  return a.sequencerId === b.sequencerId && bytesEqual(a.publicKey, b.publicKey);
}

/** The identities that signed receipts, by their row. Rows never change, so each is read once per connection. */
export class StoredSequencers {
  readonly #known = new Map<number, ReceiptSigner>();
  readonly #row;
  readonly #newestFirst;

  constructor(db: Connection) {
    this.#row = db.prepare("SELECT sequencer_id, public_key FROM sequencers WHERE ref = ?");
    this.#newestFirst = db.prepare("SELECT ref FROM sequencers ORDER BY ref DESC").pluck();
  }

  /** All but one. A row for each identity that the service was ever started with. */
  others(signer: ReceiptSigner): ReceiptSigner[] {
    const all = (this.#newestFirst.all() as number[]).map((ref) => this.byRef(ref));
    return all.filter((other) => !isSameSigner(other, signer));
  }

  byRef(ref: number): ReceiptSigner {
    const known = this.#known.get(ref);
    if (known !== undefined) return known;
    const row = this.#row.get(ref) as { sequencer_id: Buffer; public_key: Buffer } | undefined;
    assert(row !== undefined, `entry names sequencer ${ref}, which is not stored`);
    const sequencer = { sequencerId: uuidFromBytes(row.sequencer_id), publicKey: row.public_key };
    this.#known.set(ref, sequencer);
    return sequencer;
  }
}
