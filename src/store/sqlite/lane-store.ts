/**
 * The lane's store on SQLite. It keeps nothing between chunks but prepared statements and the newest entries' places, which
 * stand in rows of their own too: every decision is made on what is durable, so a failed chunk or a crash leaves no memory
 * to repair.
 */
import { assert } from "../../base/assert.js";
import { bytesEqual } from "../../base/bytes.js";
import { crashPoint } from "../../base/crash-point.js";
import { type Uuid, uuidFromBytes, uuidInto, uuidToBytes } from "../../base/ids.js";
import { ENTRY_KINDS } from "../../protocol/entry-kind.js";
import { agentKey, agentKeyKey, commandKey, idKey, streamKey } from "../chunk-key.js";
import {
  type ChunkQuery,
  type ChunkState,
  type ChunkWrites,
  type EntityState,
  type LaneStore,
  type LogIdentity,
  type NewEntry,
  type ReceiptSigner,
  StorageFullError,
  type StreamState,
} from "../contract.js";
import type { Place } from "../recent-places.js";
import { type Connection, isDiskFull } from "./connection.js";
import { LaneCommitments } from "./lane-commitments.js";
import { LanePlaces } from "./lane-places.js";
import { LaneProofs } from "./lane-proofs.js";
import { type LaneStatements, prepareLaneStatements } from "./lane-statements.js";
import { type AgentKeyRow, type ApiKeyRow, agentKeyFromRow, apiKeyFromRow } from "./rows.js";
import { StoredSequencers } from "./stored-sequencers.js";
import type { WriterPause } from "./writer-pause.js";

export interface SqliteLaneStoreOptions {
  readonly db: Connection;
  readonly identity: LogIdentity;
  readonly sequencer: ReceiptSigner;
  /** Rejection records kept; the oldest go first. */
  readonly rejectionsKeptMax: number;
  /** See `RecentPlaces`. */
  readonly generationPlaces?: number | undefined;
  /** Where the checkpointer is let in; without one nothing else writes. */
  readonly pause?: WriterPause | undefined;
}

/**
 * Where small parameters stand while they are bound; SQLite copies them. A small array of the engine's own heap would be given
 * memory outside of it first, which is tracked and freed again: about 0.5 µs each.
 */
const tenantArea = Buffer.alloc(16);
const storeArea = Buffer.alloc(16);
const signatureArea = Buffer.alloc(64);

export class SqliteLaneStore implements LaneStore {
  readonly identity: LogIdentity;
  readonly #db: Connection;
  readonly #sql: LaneStatements;
  readonly #commitments: LaneCommitments;
  readonly #places: LanePlaces;
  readonly #proofs: LaneProofs;
  readonly #sequencerRef: number;
  readonly #rejectionsKeptMax: number;
  readonly #pause: WriterPause | undefined;
  readonly #sequencers: StoredSequencers;
  /** References of the event types the chunk has used so far. */
  #eventTypes = new Map<string, number>();

  constructor(options: SqliteLaneStoreOptions) {
    this.identity = options.identity;
    this.#db = options.db;
    this.#sql = prepareLaneStatements(options.db);
    this.#sequencers = new StoredSequencers(options.db);
    this.#commitments = new LaneCommitments(options.db);
    this.#places = new LanePlaces(options.db, options.generationPlaces);
    this.#proofs = new LaneProofs(options.db, this.#places);
    this.#rejectionsKeptMax = options.rejectionsKeptMax;
    this.#pause = options.pause;
    this.#sequencerRef = this.#registerSequencer(options.sequencer);
  }

  begin(query: ChunkQuery): ChunkState {
    this.#pause?.begin();
    try {
      this.#sql.begin.run();
    } catch (error) {
      this.#refuseIfFull(error);
      throw error;
    }
    // New ones, not cleared: see `base/slots.ts`.
    this.#eventTypes = new Map();
    const [lastOffset, lastSequencedAtMs] = (this.#sql.lastEntry.get() as [number, number] | undefined) ?? [-1, 0];
    this.#places.expectHead(lastOffset + 1);
    const state: ChunkState = {
      nextOffset: lastOffset + 1,
      lastSequencedAtMs,
      streams: new Map(),
      events: new Map(),
      entities: new Map(),
      commands: new Set(),
      agentKeys: new Map(),
      highestKeyIds: new Map(),
      apiKeys: new Map(),
      lastCommitments: new Map(),
      commitments: new Map(),
      proofs: new Map(),
      proofSubjects: new Map(),
    };
    this.#readStreams(query, state);
    this.#readEvents(query, state);
    this.#readEntities(query, state);
    this.#readCommands(query, state);
    this.#readKeys(query, state);
    this.#commitments.read(query, state);
    this.#proofs.read(query, state);
    return state;
  }

  commit(writes: ChunkWrites): void {
    try {
      this.#write(writes);
      crashPoint("lane.written");
      if (writes.agentKeyRevocations.length > 0) crashPoint("revocation.written");
      this.#sql.commit.run();
    } catch (error) {
      this.#refuseIfFull(error);
      throw error;
    }
    this.#places.committed();
    this.#pause?.end();
  }

  #refuseIfFull(error: unknown): void {
    if (!isDiskFull(error)) return;
    this.rollback();
    throw new StorageFullError("the disk is full", { cause: error });
  }

  rollback(): void {
    // SQLite has already rolled back by itself after some errors (SQLITE_FULL among them).
    if (this.#db.inTransaction) this.#sql.rollback.run();
    this.#places.rolledBack();
    this.#pause?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }

  // ------------------------------------------------------------------------------------------------------------- reads

  #readStreams(query: ChunkQuery, state: ChunkState): void {
    for (const [key, { tenantId, storeId }] of query.streams) {
      const row = this.#sql.stream.get(uuidInto(tenantArea, tenantId), uuidInto(storeArea, storeId)) as
        | [number, number, number]
        | undefined;
      if (row === undefined) continue;
      const [ref, head, legacyHead] = row;
      state.streams.set(key, { ref, isChanged: false, tenantId, storeId, head, legacyHead });
    }
  }

  #readEvents(query: ChunkQuery, state: ChunkState): void {
    for (const eventId of query.eventIds) {
      const offset = this.#places.offsetOfEvent(eventId);
      if (offset === undefined) continue;
      const row = this.#sql.event.get(offset) as StoredEventRow | undefined;
      assert(
        row !== undefined && bytesEqual(row.event_id, eventId),
        `a place leads to entry ${offset}, which is another`,
      );
      state.events.set(idKey(eventId), {
        kind: ENTRY_KINDS[row.kind]!,
        eventId,
        tenantId: uuidFromBytes(row.tenant_id),
        storeId: uuidFromBytes(row.store_id),
        sequenceNumber: row.sequence_number,
        sequencedAtMs: row.sequenced_at_ms,
        sequencer: this.#sequencers.byRef(row.sequencer_ref),
        signingHash: row.signing_hash,
        receiptSignature: row.receipt_signature,
        envelope: row.envelope,
      });
    }
  }

  #readEntities(query: ChunkQuery, state: ChunkState): void {
    for (const [key, { stream: ofStream, entityType, entityId }] of query.entities) {
      const stream = state.streams.get(ofStream);
      if (stream === undefined) continue;
      const row = this.#sql.entity.get(stream.ref, entityType, entityId) as [number, number] | undefined;
      if (row === undefined) continue;
      const [ref, version] = row;
      state.entities.set(key, { ref, isChanged: false, stream, entityType, entityId, version });
    }
  }

  #readCommands(query: ChunkQuery, state: ChunkState): void {
    for (const { kind, tenantId, storeId, commandId } of query.commands) {
      const stream = state.streams.get(streamKey(tenantId, storeId));
      if (stream === undefined) continue;
      if (this.#sql.command[kind].get(stream.ref, commandId) !== undefined) {
        state.commands.add(commandKey(kind, tenantId, storeId, commandId));
      }
    }
  }

  #readKeys(query: ChunkQuery, state: ChunkState): void {
    for (const ref of query.agentKeys) {
      const row = this.#sql.agentKey.get(uuidToBytes(ref.tenantId), uuidToBytes(ref.agentId), ref.purpose, ref.keyId);
      if (row !== undefined) state.agentKeys.set(agentKeyKey(ref), agentKeyFromRow(row as AgentKeyRow));
    }
    for (const agent of query.agentsForNextKey) {
      const highest = this.#sql.highestKeyId.get(
        uuidToBytes(agent.tenantId),
        uuidToBytes(agent.agentId),
        agent.purpose,
      );
      if (typeof highest === "number") state.highestKeyIds.set(agentKey(agent), highest);
    }
    for (const keyHash of new Set(query.apiKeyHashes)) {
      const row = this.#sql.apiKey.get(keyHash);
      if (row !== undefined) state.apiKeys.set(keyHash, apiKeyFromRow(row as ApiKeyRow));
    }
  }

  #registerSequencer(sequencer: ReceiptSigner): number {
    const id = uuidToBytes(sequencer.sequencerId);
    this.#sql.insertSequencer.run(id, sequencer.publicKey);
    const row = this.#sql.sequencerRef.get(id, sequencer.publicKey) as { ref: number };
    return row.ref;
  }

  // ------------------------------------------------------------------------------------------------------------ writes

  #write(writes: ChunkWrites): void {
    for (const stream of writes.streams) this.#writeStream(stream);
    for (const entity of writes.entities) this.#writeEntity(entity);
    for (const entry of writes.entries) this.#writeEntry(entry);
    this.#places.write(writes.entries.map(placeOf));
    this.#writeRejections(writes);
    this.#writeKeys(writes);
    // After the entries: a commitment may cover events of its own chunk.
    for (const made of writes.commitments) this.#commitments.write(made, made.stream.ref!);
    for (const made of writes.proofs) this.#proofs.write(made);
  }

  #writeStream(stream: StreamState): void {
    const { ref, tenantId, storeId, head, legacyHead } = stream;
    if (ref !== null) {
      this.#sql.updateStream.run(head, legacyHead, ref);
      return;
    }
    const inserted = this.#sql.insertStream.run(uuidToBytes(tenantId), uuidToBytes(storeId), head, legacyHead);
    stream.ref = Number(inserted.lastInsertRowid);
  }

  #writeEntity(entity: EntityState): void {
    const { ref, stream, entityType, entityId, version } = entity;
    if (ref !== null) {
      this.#sql.updateEntity.run(version, ref);
      return;
    }
    const inserted = this.#sql.insertEntity.run(stream.ref, entityType, entityId, version);
    entity.ref = Number(inserted.lastInsertRowid);
  }

  #writeEntry(entry: NewEntry): void {
    const { event } = entry;
    signatureArea.set(event.receiptSignature);
    const streamRef = entry.stream.ref;
    this.#sql.insertEntry.run(
      entry.offset,
      ENTRY_KINDS.indexOf(event.kind),
      streamRef,
      event.sequenceNumber,
      event.eventId,
      entry.entity.ref,
      this.#eventTypeRef(entry.eventType),
      event.sequencedAtMs,
      this.#sequencerRef,
      event.signingHash,
      entry.agentSignature,
      signatureArea,
      event.envelope,
      entry.frameCheck,
      entry.payloadHash,
    );
    if (entry.commandId !== null) this.#sql.insertCommand[event.kind].run(streamRef, entry.commandId);
  }

  #eventTypeRef(eventType: string): number {
    const known = this.#eventTypes.get(eventType);
    if (known !== undefined) return known;
    const stored = this.#sql.eventType.get(eventType) as number | undefined;
    const ref = stored ?? Number(this.#sql.insertEventType.run(eventType).lastInsertRowid);
    this.#eventTypes.set(eventType, ref);
    return ref;
  }

  #writeRejections(writes: ChunkWrites): void {
    if (writes.rejections.length === 0) return;
    let lastId = 0;
    for (const { eventId, tenantId, storeId, reason, message } of writes.rejections) {
      const tenant = uuidToBytes(tenantId);
      const store = uuidToBytes(storeId);
      lastId = Number(
        this.#sql.insertRejection.run(eventId, tenant, store, reason, message, writes.nowMs).lastInsertRowid,
      );
    }
    this.#sql.pruneRejections.run(lastId - this.#rejectionsKeptMax);
  }

  #writeKeys(writes: ChunkWrites): void {
    for (const key of writes.agentKeys) {
      this.#sql.insertAgentKey.run(
        uuidToBytes(key.tenantId),
        uuidToBytes(key.agentId),
        key.purpose,
        key.keyId,
        key.publicKey,
        key.validFromMs,
        key.validToMs,
        key.createdAtMs,
      );
    }
    for (const { ref, revokedAtMs, reason } of writes.agentKeyRevocations) {
      const agent = [uuidToBytes(ref.tenantId), uuidToBytes(ref.agentId), ref.purpose, ref.keyId];
      this.#sql.revokeAgentKey.run(revokedAtMs, reason, ...agent);
    }
    for (const key of writes.apiKeys) {
      this.#sql.insertApiKey.run(
        key.keyHash,
        uuidToBytes(key.tenantId),
        JSON.stringify(key.storeIds),
        key.agentId === null ? null : uuidToBytes(key.agentId as Uuid),
        Number(key.canRead),
        Number(key.canWrite),
        Number(key.canAdmin),
        key.label,
        key.createdAtMs,
      );
    }
    for (const { keyHash, revokedAtMs } of writes.apiKeyRevocations) this.#sql.revokeApiKey.run(revokedAtMs, keyHash);
  }
}

/** Its stream was written before it and has a reference. */
function placeOf({ offset, event, stream }: NewEntry): Place {
  const { eventId, kind, sequenceNumber } = event;
  return { offset, eventId, streamRef: stream.ref!, kind: ENTRY_KINDS.indexOf(kind), sequenceNumber };
}

interface StoredEventRow {
  readonly event_id: Buffer;
  readonly kind: number;
  readonly tenant_id: Buffer;
  readonly store_id: Buffer;
  readonly sequence_number: number;
  readonly sequenced_at_ms: number;
  readonly sequencer_ref: number;
  readonly signing_hash: Buffer;
  readonly receipt_signature: Buffer;
  readonly envelope: Buffer;
}
