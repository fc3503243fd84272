import type { Uuid } from "../base/ids.js";
import type { EntryKind } from "../protocol/entry-kind.js";
import type { CommitmentSeries } from "./commitment-contract.js";
import type { AgentKeyRef } from "./contract.js";
import type { ProofKey } from "./proof-contract.js";

/** Map keys of a chunk's rows. Each part has one length, is one of a few words or tells where it ends: none runs into the next. */

export function idKey(id: Uint8Array): string {
  const bytes = id instanceof Buffer ? id : Buffer.from(id.buffer, id.byteOffset, id.byteLength);
  return bytes.toString("latin1");
}

export function streamKey(tenantId: Uuid, storeId: Uuid): string {
  return tenantId + storeId;
}

export function chainKey(series: CommitmentSeries, tenantId: Uuid, storeId: Uuid): string {
  return `${series}:${streamKey(tenantId, storeId)}`;
}

export function commitmentKey(series: CommitmentSeries, tenantId: Uuid, storeId: Uuid, sequenceStart: number): string {
  return `${chainKey(series, tenantId, storeId)}:${sequenceStart}`;
}

export function proofSubjectKey({ kind, subjectId }: Pick<ProofKey, "kind" | "subjectId">): string {
  return kind + subjectId;
}

/** The type comes last: it is the only part without a fixed alphabet. */
export function proofKey(key: ProofKey): string {
  const policy = key.policy === null ? "" : idKey(key.policy.policyHash);
  return `${proofSubjectKey(key)}${policy}:${key.proofVersion}:${key.proofType}`;
}

export function commandKey(kind: EntryKind, tenantId: Uuid, storeId: Uuid, commandId: Uint8Array): string {
  return kind + streamKey(tenantId, storeId) + idKey(commandId);
}

/** `stream`: its `streamKey`. The type's length keeps `("ab","c")` and `("a","bc")` apart. */
export function entityKey(stream: string, entityType: string, entityId: string): string {
  return `${stream}${entityType.length}:${entityType}${entityId}`;
}

/** Of the agent and the purpose: one for all keys that it has for it. */
export function agentKey(ref: Omit<AgentKeyRef, "keyId">): string {
  return `${ref.tenantId}${ref.agentId}${ref.purpose}`;
}

/** Of one agent key. */
export function agentKeyKey(ref: AgentKeyRef): string {
  return `${agentKey(ref)}:${ref.keyId}`;
}
