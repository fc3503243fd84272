/** Gives an event of either kind its place: offset, sequence number, entity version, receipt, frame. */
import type { StreamName, Uuid } from "../base/ids.js";
import type { EntryKind } from "../protocol/entry-kind.js";
import { commandKey } from "../store/chunk-key.js";
import type { EntityState, SequencedEvent, StreamState } from "../store/contract.js";
import { encodeEntry, frameCheck, receiptHashOf } from "../store/entry-frame.js";
import type { Chunk } from "./chunk.js";

/** What both kinds of event have by the time they reach the lane. */
export interface AdmittedEvent {
  readonly eventId: Uint8Array;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  readonly commandId: Uint8Array | null;
  readonly envelope: Uint8Array;
}

export interface EntryFacts {
  /** `idKey` of the event's id. */
  readonly idKey: string;
  readonly kind: EntryKind;
  readonly signingHash: Uint8Array;
  readonly agentSignature: Uint8Array | null;
  readonly payloadHash: Uint8Array | null;
}

export interface AppendedEntry {
  readonly sequenceNumber: number;
  /** JSON, UTF-8. */
  readonly receipt: Uint8Array;
}

/** `entity`: the event's own, of the chunk. */
export function appendEntry(chunk: Chunk, event: AdmittedEvent, entity: EntityState, facts: EntryFacts): AppendedEntry {
  const { stream } = entity;
  const { sequencedAtMs, context } = chunk;
  const { tenantId, storeId } = stream;
  const { kind, signingHash, agentSignature, payloadHash } = facts;
  const offset = chunk.nextOffset++;
  const sequenceNumber = kind === "event" ? ++stream.legacyHead : ++stream.head;
  entity.version += 1;
  noteChanged(stream, chunk.writes.streams);
  noteChanged(entity, chunk.writes.entities);

  const { eventId, eventType, entityType, entityId, commandId, envelope } = event;
  const hash = receiptHashOf({ kind, tenantId, storeId, eventId, sequenceNumber, signingHash });
  // One object of one shape for rows, frames and replays alike: this is the lane's innermost loop.
  const sequenced: SequencedEvent = {
    kind,
    eventId,
    tenantId,
    storeId,
    sequenceNumber,
    sequencedAtMs,
    sequencer: context.sequencer,
    signingHash,
    receiptSignature: context.sign(hash),
    envelope,
  };
  const { frame, receiptAt } = encodeEntry(offset, sequenced, hash);
  const receipt = frame.subarray(receiptAt, -1);
  chunk.writes.entries.push({
    offset,
    event: sequenced,
    stream,
    entity,
    eventType,
    commandId,
    agentSignature,
    payloadHash,
    receiptHash: hash,
    frameCheck: frameCheck(frame),
  });
  chunk.entries.push({ kind, offset, tenantId, storeId, sequenceNumber, entityType, entityId, frame });
  chunk.state.events.set(facts.idKey, sequenced);
  if (commandId !== null) chunk.state.commands.add(commandKey(kind, tenantId, storeId, commandId));
  return { sequenceNumber, receipt };
}

function noteChanged<T extends StreamState | EntityState>(row: T, changed: T[]): void {
  if (row.isChanged) return;
  row.isChanged = true;
  changed.push(row);
}

/** An entity comes into being with its first accepted event. `name`: its `entityKey`, `streamName`: its stream's key. */
export function newEntity(
  chunk: Chunk,
  { tenantId, storeId }: StreamName,
  streamName: string,
  { entityType, entityId }: Pick<AdmittedEvent, "entityType" | "entityId">,
  name: string,
): EntityState {
  const stream = streamOf(chunk, tenantId, storeId, streamName);
  const entity: EntityState = { ref: null, isChanged: false, stream, entityType, entityId, version: 0 };
  chunk.state.entities.set(name, entity);
  return entity;
}

/** So does a stream. */
function streamOf(chunk: Chunk, tenantId: Uuid, storeId: Uuid, key: string): StreamState {
  const { streams } = chunk.state;
  let stream = streams.get(key);
  if (stream === undefined) {
    stream = { ref: null, isChanged: false, tenantId, storeId, head: 0, legacyHead: 0 };
    streams.set(key, stream);
  }
  return stream;
}
