import { assert } from "../../base/assert.js";
import { uuidFromBytes } from "../../base/ids.js";
import type { SequencerIdentity } from "../contract.js";
import type { Connection } from "./connection.js";

/** The identities that signed receipts, by their row. Rows never change, so each is read once per connection. */
export class StoredSequencers {
  readonly #known = new Map<number, SequencerIdentity>();
  readonly #row;

  constructor(db: Connection) {
    this.#row = db.prepare("SELECT sequencer_id, public_key FROM sequencers WHERE ref = ?");
  }

  byRef(ref: number): SequencerIdentity {
    const known = this.#known.get(ref);
    if (known !== undefined) return known;
    const row = this.#row.get(ref) as { sequencer_id: Buffer; public_key: Buffer } | undefined;
    assert(row !== undefined, `entry names sequencer ${ref}, which is not stored`);
    const sequencer = { sequencerId: uuidFromBytes(row.sequencer_id), publicKey: row.public_key };
    this.#known.set(ref, sequencer);
    return sequencer;
  }
}
