/**
 * Admission rules of legacy events that depend on order (wire-api A.3). A rule failure drops its event only. There is no
 * exact replay: every id that is stored, of either kind, is a duplicate, so a repeated request changes nothing.
 */
import { uuidFromBytes } from "../base/ids.js";
import { commandKey, entityKey, idKey, streamKey } from "../store/chunk-key.js";
import type { EntityState } from "../store/contract.js";
import type { AdmittedLegacyEvent, LegacyRequest } from "../verify/legacy-request.js";
import type { Rejection } from "../verify/verified-request.js";
import { appendEntry, newEntity } from "./append-entry.js";
import { type Chunk, isApiKeyRevoked, REVOKED_API_KEY } from "./chunk.js";
import { type EventRejection, rejectionJson } from "./ingest-answer.js";

/** One request being decided. */
interface Batch {
  readonly chunk: Chunk;
  readonly request: LegacyRequest;
  /** The request's `streamKey`. */
  readonly stream: string;
  readonly rejections: EventRejection[];
  readonly commandsSeen: Set<string>;
  accepted: number;
  sequenceStart: number | null;
  sequenceEnd: number | null;
}

export function decideLegacyIngest(chunk: Chunk, request: LegacyRequest): void {
  if (isApiKeyRevoked(chunk, request.by)) {
    chunk.answers.push({ requestId: request.requestId, ok: false, ...REVOKED_API_KEY });
    return;
  }
  const batch: Batch = {
    ...{ chunk, request, stream: streamKey(request.tenantId, request.storeId) },
    ...{ rejections: [], commandsSeen: new Set() },
    ...{ accepted: 0, sequenceStart: null, sequenceEnd: null },
  };
  for (const event of request.events) {
    if (event.stage === "refused") reject(batch, event.eventId, event);
    else decideEvent(batch, event);
  }
  chunk.answers.push({ requestId: request.requestId, ok: true, body: encodeAnswer(batch) });
}

function decideEvent(batch: Batch, event: AdmittedLegacyEvent): void {
  const { chunk, request, stream } = batch;
  const id = idKey(event.eventId);
  const name = entityKey(stream, event.entityType, event.entityId);
  const entity = chunk.state.entities.get(name);
  const refusal = findRefusal(batch, event, id, entity);
  if (refusal === null) sequence(batch, event, id, entity ?? newEntity(chunk, request, stream, event, name));
  else reject(batch, event.eventId, refusal);
}

/** The rules in the order in which the original asks them; null = the event may be sequenced. */
function findRefusal(
  batch: Batch,
  event: AdmittedLegacyEvent,
  id: string,
  entity: EntityState | undefined,
): Rejection | null {
  const { chunk } = batch;
  if (chunk.state.events.has(id)) {
    return { reason: "DuplicateEventId", message: `Event ${uuidFromBytes(event.eventId)} already exists` };
  }
  if (!event.isPayloadIntact) {
    return { reason: "InvalidPayloadHash", message: "Payload hash does not match payload" };
  }
  const badCommand = event.commandId === null ? null : commandRefusal(batch, event.commandId);
  if (badCommand !== null) return badCommand;
  const actual = String(entity?.version ?? 0);
  if (event.baseVersion === null || event.baseVersion === actual) return null;
  const message = `Version conflict: expected ${event.baseVersion}, actual ${actual}`;
  return { reason: "VersionConflict", message };
}

function commandRefusal({ chunk, request, commandsSeen }: Batch, commandId: Uint8Array): Rejection | null {
  const key = commandKey("event", request.tenantId, request.storeId, commandId);
  const id = uuidFromBytes(commandId);
  if (commandsSeen.has(key)) return { reason: "DuplicateCommandId", message: `Command ${id} duplicated in batch` };
  commandsSeen.add(key);
  if (!chunk.state.commands.has(key)) return null;
  return { reason: "DuplicateCommandId", message: `Command ${id} already processed` };
}

function sequence(batch: Batch, event: AdmittedLegacyEvent, id: string, entity: EntityState): void {
  const { eventHash: signingHash, payloadHash } = event;
  const facts = { idKey: id, kind: "event", signingHash, agentSignature: null, payloadHash } as const;
  const { sequenceNumber } = appendEntry(batch.chunk, event, entity, facts);
  batch.accepted += 1;
  batch.sequenceStart ??= sequenceNumber;
  batch.sequenceEnd = sequenceNumber;
}

function reject({ chunk, request, rejections }: Batch, eventId: Uint8Array, { reason, message }: Rejection): void {
  const { tenantId, storeId } = request;
  rejections.push({ eventId: uuidFromBytes(eventId), reason, message });
  chunk.writes.rejections.push({ tenantId, storeId, eventId, reason, message });
  chunk.rejectedByReason.set(reason, (chunk.rejectedByReason.get(reason) ?? 0) + 1);
}

/** Response body (wire-api A.3): snake_case, `rejections` left out when empty. An empty request learns no head. */
function encodeAnswer(batch: Batch): Uint8Array {
  const { chunk, rejections, accepted, sequenceStart, sequenceEnd } = batch;
  const { batchId, events } = batch.request;
  const stream = events.length === 0 ? undefined : chunk.state.streams.get(batch.stream);
  let text =
    `{"batch_id":"${batchId}","events_accepted":${accepted},"events_rejected":${rejections.length},` +
    `"assigned_sequence_start":${sequenceStart},"assigned_sequence_end":${sequenceEnd},` +
    `"head_sequence":${stream?.legacyHead ?? 0}`;
  if (rejections.length > 0) text += `,"rejections":[${rejections.map(rejectionJson).join(",")}]`;
  return Buffer.from(`${text}}`, "utf8");
}
