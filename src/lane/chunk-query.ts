import { entityKey, streamKey } from "../store/chunk-key.js";
import { type AgentKeyRef, type ChunkQuery, KEY_PURPOSE_SIGNING } from "../store/contract.js";
import type { LegacyRequest } from "../verify/legacy-request.js";
import type { VerifiedEvent, VerifiedRequest } from "../verify/verified-request.js";
import type { KeyChange, LaneCommand, LaneItem } from "./lane-item.js";

type Writable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer E)[]
    ? E[]
    : T[K] extends ReadonlyMap<infer N, infer E>
      ? Map<N, E>
      : T[K];
};

/** Every row the chunk's decisions can depend on; streams and entities, which events share, are named once. */
export function chunkQuery(items: readonly LaneItem[], keyEpoch: number): ChunkQuery {
  const query: Writable<ChunkQuery> = {
    streams: new Map(),
    eventIds: [],
    entities: new Map(),
    commands: [],
    agentKeys: [],
    agentsForNextKey: [],
    apiKeyHashes: [],
    commitmentStarts: [],
    proofs: [],
  };
  for (const item of items) {
    if (item.kind === "ingest") addRequest(query, item.request, keyEpoch);
    else if (item.kind === "ingest_legacy") addLegacyRequest(query, item.request);
    else if (item.kind === "commit_range") addRange(query, item);
    else if (item.kind === "submit_compliance_proof" || item.kind === "submit_validity_proof")
      query.proofs.push(item.facts);
    else addKeyChange(query, item);
  }
  return query;
}

function addKeyChange(query: Writable<ChunkQuery>, item: KeyChange): void {
  if (item.by !== null) query.apiKeyHashes.push(item.by);
  if (item.kind === "revoke_agent_key") query.agentKeys.push(item.ref);
  else if (item.kind === "create_api_key") query.apiKeyHashes.push(item.key.keyHash);
  else if (item.kind === "revoke_api_key") query.apiKeyHashes.push(item.keyHash);
  else {
    const { key, voucher } = item;
    if (key.keyId === null) query.agentsForNextKey.push(key);
    else query.agentKeys.push({ ...key, keyId: key.keyId });
    if (voucher !== null) query.agentKeys.push(voucher);
  }
}

function addRequest(query: Writable<ChunkQuery>, request: VerifiedRequest, keyEpoch: number): void {
  const { tenantId, storeId } = request;
  const stream = streamKey(tenantId, storeId);
  query.streams.set(stream, request);
  for (const event of request.events) {
    if (event.stage === "refused") continue;
    query.eventIds.push(event.eventId);
    if (event.stage === "unproven") continue;
    const { entityType, entityId, commandId } = event;
    query.entities.set(entityKey(stream, entityType, entityId), { stream, entityType, entityId });
    if (commandId !== null) query.commands.push({ kind: "ves_event", tenantId, storeId, commandId });
    if (request.keyEpoch !== keyEpoch) query.agentKeys.push(signingKeyRef(request, event));
  }
}

function addLegacyRequest(query: Writable<ChunkQuery>, request: LegacyRequest): void {
  const { tenantId, storeId, by, events } = request;
  if (by !== null) query.apiKeyHashes.push(by);
  const stream = streamKey(tenantId, storeId);
  query.streams.set(stream, request);
  for (const event of events) {
    if (event.stage === "refused") continue;
    const { eventId, entityType, entityId, commandId } = event;
    query.eventIds.push(eventId);
    query.entities.set(entityKey(stream, entityType, entityId), { stream, entityType, entityId });
    if (commandId !== null) query.commands.push({ kind: "event", tenantId, storeId, commandId });
  }
}

function addRange(
  query: Writable<ChunkQuery>,
  { by, series, tenantId, storeId, sequenceStart }: Extract<LaneCommand, { kind: "commit_range" }>,
): void {
  if (by !== null) query.apiKeyHashes.push(by);
  query.streams.set(streamKey(tenantId, storeId), { tenantId, storeId });
  query.commitmentStarts.push({ series, tenantId, storeId, sequenceStart });
}

export function signingKeyRef(request: VerifiedRequest, event: VerifiedEvent): AgentKeyRef {
  return {
    tenantId: request.tenantId,
    agentId: request.agentId,
    purpose: KEY_PURPOSE_SIGNING,
    keyId: event.agentKeyId,
  };
}
