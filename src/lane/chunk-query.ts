import { entityKey, idKey, streamKey } from "../store/chunk-key.js";
import { type AgentKeyRef, type ChunkQuery, KEY_PURPOSE_SIGNING } from "../store/contract.js";
import type { LegacyRequest } from "../verify/legacy-request.js";
import type { VerifiedEvent, VerifiedRequest } from "../verify/verified-request.js";
import type { LaneItem } from "./lane-item.js";

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** Every row the chunk's decisions can depend on, each named once. */
export function chunkQuery(items: readonly LaneItem[], keyEpoch: number): ChunkQuery {
  const query: Writable<ChunkQuery> = {
    streams: [],
    eventIds: [],
    entities: [],
    commands: [],
    agentKeys: [],
    agentsForNextKey: [],
    apiKeyHashes: [],
    commitmentStarts: [],
    proofs: [],
  };
  const seen = new Set<string>();
  const first = (key: string): boolean => seen.size < seen.add(key).size;
  for (const item of items) {
    if (item.kind === "ingest") addRequest(query, item.request, keyEpoch, first);
    else if (item.kind === "ingest_legacy") addLegacyRequest(query, item.request, first);
    else if (item.kind === "revoke_agent_key") query.agentKeys.push(item.ref);
    else if (item.kind === "create_api_key") query.apiKeyHashes.push(item.key.keyHash);
    else if (item.kind === "revoke_api_key") query.apiKeyHashes.push(item.keyHash);
    else if (item.kind === "commit_range") addRange(query, item, first);
    else if (item.kind === "submit_compliance_proof" || item.kind === "submit_validity_proof")
      query.proofs.push(item.facts);
    else {
      const { key } = item;
      if (key.keyId === null) query.agentsForNextKey.push(key);
      else query.agentKeys.push({ ...key, keyId: key.keyId });
    }
  }
  return query;
}

function addRequest(
  query: Writable<ChunkQuery>,
  request: VerifiedRequest,
  keyEpoch: number,
  first: (key: string) => boolean,
): void {
  const { tenantId, storeId } = request;
  if (first(streamKey(tenantId, storeId))) query.streams.push({ tenantId, storeId });
  for (const event of request.events) {
    if (event.stage === "refused") continue;
    if (first(idKey(event.eventId))) query.eventIds.push(event.eventId);
    if (event.stage === "unproven") continue;
    const { entityType, entityId, commandId } = event;
    if (first(entityKey(tenantId, storeId, entityType, entityId))) {
      query.entities.push({ tenantId, storeId, entityType, entityId });
    }
    if (commandId !== null) query.commands.push({ kind: "ves_event", tenantId, storeId, commandId });
    if (request.keyEpoch !== keyEpoch) query.agentKeys.push(signingKeyRef(request, event));
  }
}

function addLegacyRequest(
  query: Writable<ChunkQuery>,
  { tenantId, storeId, events }: LegacyRequest,
  first: (key: string) => boolean,
): void {
  if (first(streamKey(tenantId, storeId))) query.streams.push({ tenantId, storeId });
  for (const event of events) {
    if (event.stage === "refused") continue;
    const { eventId, entityType, entityId, commandId } = event;
    if (first(idKey(eventId))) query.eventIds.push(eventId);
    if (first(entityKey(tenantId, storeId, entityType, entityId))) {
      query.entities.push({ tenantId, storeId, entityType, entityId });
    }
    if (commandId !== null) query.commands.push({ kind: "event", tenantId, storeId, commandId });
  }
}

function addRange(
  query: Writable<ChunkQuery>,
  { series, tenantId, storeId, sequenceStart }: ChunkQuery["commitmentStarts"][number],
  first: (key: string) => boolean,
): void {
  if (first(streamKey(tenantId, storeId))) query.streams.push({ tenantId, storeId });
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
