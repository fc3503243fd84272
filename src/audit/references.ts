/**
 * The rows that entries point at, read with the audit's own statements, each with the bytes it has in an envelope, a frame
 * or a preimage. Streams, event types, sequencers and keys are kept, up to a bound; commands are asked for each time.
 */
import { type Uuid, uuidFromBytes } from "../base/ids.js";
import { ByteWriter } from "../protocol/byte-writer.js";
import { KEY_PURPOSE_SIGNING } from "../store/contract.js";
import type { Connection } from "../store/sqlite/connection.js";
import { readCheckedFrom } from "../store/sqlite/log-identity.js";
import { hasTable } from "../store/sqlite/schema-questions.js";
import { expectFact } from "./audit-fault.js";

export interface StreamRow {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** Both ids, 32 bytes. */
  readonly ids: Buffer;
  readonly inEnvelope: Buffer;
  readonly inFrame: Buffer;
}

export interface EventTypeRow {
  readonly text: string;
  readonly inEnvelope: Buffer;
  /** `STR` of ves-protocol §1. */
  readonly inPreimage: Buffer;
}

export interface SequencerRow {
  readonly sequencerId: Uuid;
  /** The same, 16 bytes. */
  readonly id: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly inFrame: Buffer;
}

/** False = a database from before there were legacy events, a backup for example. */
export function hasLegacyTables(db: Connection): boolean {
  return hasTable(db, "legacy_commands");
}

/** Rows of each kind that are kept, a few KiB each at most. */
const KEPT_MAX = 10_000;

export class References {
  readonly #checkedFrom: number;
  readonly #sql;
  readonly #streams = new Map<number, StreamRow>();
  readonly #eventTypes = new Map<number, EventTypeRow>();
  readonly #sequencers = new Map<number, SequencerRow>();
  readonly #keys = new Map<string, Uint8Array>();

  constructor(db: Connection) {
    this.#checkedFrom = readCheckedFrom(db);
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
      legacyCommand: hasLegacyTables(db)
        ? db.prepare("SELECT 1 FROM legacy_commands WHERE stream_ref = ? AND command_id = ?").pluck()
        : null,
    };
  }

  /** Whether an entry has a checksum to compare. Throws AuditFault where it has none and must, or has one and cannot. */
  expectsChecksum(offset: number, stored: number | null): stored is number {
    if (stored === null) expectFact(offset < this.#checkedFrom, "its checksum is gone");
    // Of a log from before this was noted nothing is known.
    else if (Number.isFinite(this.#checkedFrom))
      expectFact(
        offset >= this.#checkedFrom,
        `it has a checksum; the log says they begin at offset ${this.#checkedFrom}`,
      );
    return stored !== null;
  }

  stream(ref: number): StreamRow {
    return this.#streams.get(ref) ?? keep(this.#streams, ref, this.#readStream(ref), "stream");
  }

  eventType(ref: number): EventTypeRow {
    return this.#eventTypes.get(ref) ?? keep(this.#eventTypes, ref, this.#readEventType(ref), "event type");
  }

  sequencer(ref: number): SequencerRow {
    return this.#sequencers.get(ref) ?? keep(this.#sequencers, ref, this.#readSequencer(ref), "sequencer");
  }

  /** `agentId`: 16 bytes. */
  signingKey(streamRef: number, agentId: Buffer, keyId: number): Uint8Array {
    const name = `${streamRef}/${agentId.toString("latin1")}/${keyId}`;
    const kept = this.#keys.get(name);
    if (kept !== undefined) return kept;
    const tenantId = this.stream(streamRef).ids.subarray(0, 16);
    const key = this.#sql.key.get(tenantId, agentId, KEY_PURPOSE_SIGNING, keyId) as Buffer | undefined;
    return keep(this.#keys, name, key, "agent key");
  }

  /** `commandId`: 16 bytes. */
  hasCommand(streamRef: number, commandId: Buffer): boolean {
    return this.#sql.command.get(streamRef, commandId) === 1;
  }

  hasLegacyCommand(streamRef: number, commandId: Uint8Array): boolean {
    return this.#sql.legacyCommand?.get(streamRef, commandId) === 1;
  }

  #readStream(ref: number): StreamRow | undefined {
    const row = this.#sql.stream.get(ref) as { tenant_id: Buffer; store_id: Buffer } | undefined;
    if (row === undefined) return undefined;
    const tenantId = uuidFromBytes(row.tenant_id);
    const storeId = uuidFromBytes(row.store_id);
    const ids = `"tenant_id":"${tenantId}","store_id":"${storeId}"`;
    return {
      ...{ tenantId, storeId, ids: Buffer.concat([row.tenant_id, row.store_id]) },
      inEnvelope: Buffer.from(`",${ids},"source_agent_id":"`),
      inFrame: Buffer.from(`,${ids},"sequence_number":`),
    };
  }

  #readEventType(ref: number): EventTypeRow | undefined {
    const text = this.#sql.eventType.get(ref) as string | undefined;
    if (text === undefined) return undefined;
    const inEnvelope = Buffer.from(`,"event_type":${JSON.stringify(text)},"created_at":"`);
    return { text, inEnvelope, inPreimage: Buffer.from(new ByteWriter().str(text).finish()) };
  }

  #readSequencer(ref: number): SequencerRow | undefined {
    const row = this.#sql.sequencer.get(ref) as { sequencer_id: Buffer; public_key: Buffer } | undefined;
    if (row === undefined) return undefined;
    const sequencerId = uuidFromBytes(row.sequencer_id);
    const inFrame = Buffer.from(`,"receipt":{"sequencerId":"${sequencerId}","eventId":"`);
    return { sequencerId, id: row.sequencer_id, publicKey: row.public_key, inFrame };
  }
}

function keep<K, V>(kept: Map<K, V>, key: K, value: V | undefined, what: string): V {
  expectFact(value !== undefined, `its ${what} is not stored`);
  if (kept.size >= KEPT_MAX) kept.clear();
  kept.set(key, value);
  return value;
}
