/**
 * The rows that entries point at, read with the audit's own statements. Streams, event types, sequencers and keys are kept
 * (keys up to a bound); entities and commands are as many as entries and are asked for each time.
 */
import { type Uuid, uuidFromBytes, uuidToBytes } from "../base/ids.js";
import { KEY_PURPOSE_SIGNING, type SequencerIdentity } from "../store/contract.js";
import type { Connection } from "../store/sqlite/connection.js";
import { expectFact } from "./audit-fault.js";

export interface StreamRow {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
}

const KEYS_KEPT_MAX = 10_000;

export class References {
  readonly #sql;
  readonly #streams = new Map<number, StreamRow>();
  readonly #eventTypes = new Map<number, string>();
  readonly #sequencers = new Map<number, SequencerIdentity>();
  readonly #keys = new Map<string, Uint8Array>();

  constructor(db: Connection) {
    this.#sql = {
      stream: db.prepare("SELECT tenant_id, store_id FROM streams WHERE ref = ?"),
      eventType: db.prepare("SELECT event_type FROM event_types WHERE ref = ?").pluck(),
      sequencer: db.prepare("SELECT sequencer_id, public_key FROM sequencers WHERE ref = ?"),
      key: db
        .prepare(
          "SELECT public_key FROM agent_keys WHERE tenant_id = ? AND agent_id = ? AND purpose = ? AND key_id = ?",
        )
        .pluck(),
      command: db.prepare("SELECT 1 FROM commands WHERE stream_ref = ? AND command_id = ?").pluck(),
    };
  }

  stream(ref: number): StreamRow {
    return found(this.#streams, ref, "stream", () => {
      const row = this.#sql.stream.get(ref) as { tenant_id: Buffer; store_id: Buffer } | undefined;
      return row && { tenantId: uuidFromBytes(row.tenant_id), storeId: uuidFromBytes(row.store_id) };
    });
  }

  eventType(ref: number): string {
    return found(this.#eventTypes, ref, "event type", () => this.#sql.eventType.get(ref) as string | undefined);
  }

  sequencer(ref: number): SequencerIdentity {
    return found(this.#sequencers, ref, "sequencer", () => {
      const row = this.#sql.sequencer.get(ref) as { sequencer_id: Buffer; public_key: Buffer } | undefined;
      return row && { sequencerId: uuidFromBytes(row.sequencer_id), publicKey: row.public_key };
    });
  }

  signingKey(tenantId: Uuid, agentId: Uuid, keyId: number): Uint8Array {
    if (this.#keys.size > KEYS_KEPT_MAX) this.#keys.clear();
    return found(this.#keys, `${tenantId}${agentId}${keyId}`, "agent key", () => {
      const agent = [uuidToBytes(tenantId), uuidToBytes(agentId)];
      return this.#sql.key.get(...agent, KEY_PURPOSE_SIGNING, keyId) as Buffer | undefined;
    });
  }

  hasCommand(streamRef: number, commandId: Uuid): boolean {
    return this.#sql.command.get(streamRef, uuidToBytes(commandId)) === 1;
  }
}

function found<K, V>(known: Map<K, V>, key: K, what: string, read: () => V | undefined): V {
  const kept = known.get(key);
  if (kept !== undefined) return kept;
  const value = read();
  expectFact(value !== undefined, `its ${what} is not stored`);
  known.set(key, value);
  return value;
}
