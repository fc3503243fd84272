/**
 * Admission rules that depend on order (ves-protocol §5-6): exact replays, duplicate ids, command ids, entity versions,
 * numbers. A rule failure drops its event only; refused, replayed and colliding events consume no number.
 */
import { bytesEqual } from "../base/bytes.js";
import { uuidFromBytes } from "../base/ids.js";
import { agentKeyKey, commandKey, entityKey, idKey, streamKey } from "../store/chunk-key.js";
import type { EntityState, SequencedEvent } from "../store/contract.js";
import { encodeReceipt } from "../store/entry-frame.js";
import type { Rejection, UnprovenEvent, VerifiedEvent, VerifiedRequest } from "../verify/verified-request.js";
import { appendEntry, newEntity } from "./append-entry.js";
import type { Chunk } from "./chunk.js";
import { signingKeyRef } from "./chunk-query.js";
import { type EventRejection, encodeIngestAnswer } from "./ingest-answer.js";

/** Order of the phases in which the protocol reports rejections (§6). */
const PHASE_IDENTITY = 0;
const PHASE_VALIDITY = 1;
const PHASE_COMMAND = 2;
const PHASE_VERSION = 3;

/** One request being decided. */
interface Batch {
  readonly chunk: Chunk;
  readonly request: VerifiedRequest;
  /** The request's `streamKey`. */
  readonly stream: string;
  readonly rejections: { readonly phase: number; readonly rejection: EventRejection }[];
  readonly replayedReceipts: Uint8Array[];
  readonly newReceipts: Uint8Array[];
  readonly commandsSeen: Set<string>;
  sequenceStart: number | null;
  sequenceEnd: number | null;
}

export function decideIngest(chunk: Chunk, request: VerifiedRequest): void {
  const batch: Batch = {
    chunk,
    request,
    stream: streamKey(request.tenantId, request.storeId),
    rejections: [],
    replayedReceipts: [],
    newReceipts: [],
    commandsSeen: new Set(),
    sequenceStart: null,
    sequenceEnd: null,
  };
  for (const event of request.events) {
    if (event.stage === "refused")
      reject(batch, event.repeated ? PHASE_IDENTITY : PHASE_VALIDITY, event.eventId, event);
    else decideEvent(batch, event);
  }
  answer(batch);
}

function decideEvent(batch: Batch, event: VerifiedEvent | UnprovenEvent): void {
  const { chunk, request, stream } = batch;
  const id = idKey(event.eventId);
  const stored = chunk.state.events.get(id);
  if (stored !== undefined && bytesEqual(stored.envelope, event.envelope)) {
    batch.replayedReceipts.push(encodeReceipt(stored));
    return;
  }
  if (event.stage === "unproven") {
    reject(batch, PHASE_VALIDITY, event.eventId, event);
    return;
  }
  const entityName = entityKey(stream, event.entityType, event.entityId);
  const entity = chunk.state.entities.get(entityName);
  const refusal = findRefusal(batch, event, stored, entity);
  if (refusal === null) sequence(batch, event, id, entity ?? newEntity(chunk, request, stream, event, entityName));
  else reject(batch, refusal.phase, event.eventId, refusal.rejection);
}

interface Refusal {
  readonly phase: number;
  readonly rejection: Rejection;
}

/** The rules in the protocol's order; null = the event may be sequenced. */
function findRefusal(
  batch: Batch,
  event: VerifiedEvent,
  stored: SequencedEvent | undefined,
  entity: EntityState | undefined,
): Refusal | null {
  if (stored !== undefined) return { phase: PHASE_IDENTITY, rejection: duplicateEvent(batch.request, stored) };
  if (isSigningKeyRevoked(batch, event)) return { phase: PHASE_VALIDITY, rejection: REVOKED };
  const badCommand = event.commandId === null ? null : commandRefusal(batch, event.commandId);
  if (badCommand !== null) return badCommand;
  if (event.baseVersion === null) return null;
  const actual = String(entity?.version ?? 0);
  if (event.baseVersion === actual) return null;
  return { phase: PHASE_VERSION, rejection: versionConflict(event.baseVersion, actual) };
}

const REVOKED: Rejection = {
  reason: "agent_key_invalid: Agent key has been revoked",
  message: "Agent key has been revoked",
};

function duplicateEvent(request: VerifiedRequest, stored: SequencedEvent): Rejection {
  const sameStream = stored.tenantId === request.tenantId && stored.storeId === request.storeId;
  return {
    reason: "duplicate_event_id",
    message: sameStream ? "Event ID already exists with different contents" : "Event ID already exists",
  };
}

/** Only keys whose revocation the verify stage may not have seen are in the chunk's rows. */
function isSigningKeyRevoked(batch: Batch, event: VerifiedEvent): boolean {
  if (batch.chunk.state.agentKeys.size === 0) return false;
  const key = batch.chunk.state.agentKeys.get(agentKeyKey(signingKeyRef(batch.request, event)));
  return key !== undefined && key.revokedAtMs !== null;
}

function commandRefusal(batch: Batch, commandId: Uint8Array): Refusal | null {
  const { tenantId, storeId } = batch.request;
  const key = commandKey("ves_event", tenantId, storeId, commandId);
  const id = uuidFromBytes(commandId);
  if (batch.commandsSeen.has(key)) {
    const message = `Command ${id} duplicated in batch`;
    return { phase: PHASE_VALIDITY, rejection: { reason: "duplicate_command_id", message } };
  }
  batch.commandsSeen.add(key);
  if (!batch.chunk.state.commands.has(key)) return null;
  const message = `Command ${id} already processed`;
  return { phase: PHASE_COMMAND, rejection: { reason: "duplicate_command_id", message } };
}

function versionConflict(expected: string, actual: string): Rejection {
  return {
    reason: `version_conflict: expected ${expected}, actual ${actual}`,
    message: `Version conflict: expected ${expected}, actual ${actual}`,
  };
}

/** Gives the event its numbers and its receipt. */
function sequence(batch: Batch, event: VerifiedEvent, id: string, entity: EntityState): void {
  const { signingHash, agentSignature } = event;
  const { sequenceNumber, receipt } = appendEntry(batch.chunk, event, entity, {
    idKey: id,
    kind: "ves_event",
    signingHash,
    agentSignature,
    payloadHash: null,
  });
  batch.newReceipts.push(receipt);
  batch.sequenceStart ??= sequenceNumber;
  batch.sequenceEnd = sequenceNumber;
}

function reject(batch: Batch, phase: number, eventId: Uint8Array, { reason, message }: Rejection): void {
  const { chunk, request } = batch;
  const { tenantId, storeId } = request;
  batch.rejections.push({ phase, rejection: { eventId: uuidFromBytes(eventId), reason, message } });
  chunk.writes.rejections.push({ tenantId, storeId, eventId, reason, message });
  const name = reason.split(":", 1)[0]!;
  chunk.rejectedByReason.set(name, (chunk.rejectedByReason.get(name) ?? 0) + 1);
}

function answer(batch: Batch): void {
  const { chunk, request } = batch;
  batch.rejections.sort((a, b) => a.phase - b.phase);
  const body = encodeIngestAnswer({
    batchId: request.batchId,
    eventsAccepted: batch.newReceipts.length,
    sequenceStart: batch.sequenceStart,
    sequenceEnd: batch.sequenceEnd,
    headSequence: chunk.state.streams.get(batch.stream)?.head ?? 0,
    rejections: batch.rejections.map(({ rejection }) => rejection),
    replayedReceipts: batch.replayedReceipts,
    newReceipts: batch.newReceipts,
  });
  chunk.answers.push({ requestId: request.requestId, ok: true, body });
}
