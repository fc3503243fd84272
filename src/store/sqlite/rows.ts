import { type Uuid, uuidFromBytes } from "../../base/ids.js";
import type { AgentKey, ApiKey, KeyPurpose } from "../contract.js";

/** Rows as SQLite returns them, and their domain form. */

export interface AgentKeyRow {
  readonly tenant_id: Buffer;
  readonly agent_id: Buffer;
  readonly purpose: KeyPurpose;
  readonly key_id: number;
  readonly public_key: Buffer;
  readonly valid_from_ms: number | null;
  readonly valid_to_ms: number | null;
  readonly created_at_ms: number;
  readonly revoked_at_ms: number | null;
  readonly revoke_reason: string | null;
}

export function agentKeyFromRow(row: AgentKeyRow): AgentKey {
  return {
    tenantId: uuidFromBytes(row.tenant_id),
    agentId: uuidFromBytes(row.agent_id),
    purpose: row.purpose,
    keyId: row.key_id,
    publicKey: new Uint8Array(row.public_key),
    validFromMs: row.valid_from_ms,
    validToMs: row.valid_to_ms,
    createdAtMs: row.created_at_ms,
    revokedAtMs: row.revoked_at_ms,
    revokeReason: row.revoke_reason,
  };
}

export interface ApiKeyRow {
  readonly key_hash: string;
  readonly tenant_id: Buffer;
  readonly store_ids: string;
  readonly agent_id: Buffer | null;
  readonly can_read: number;
  readonly can_write: number;
  readonly can_admin: number;
  readonly label: string | null;
  readonly created_at_ms: number;
  readonly revoked_at_ms: number | null;
}

export function apiKeyFromRow(row: ApiKeyRow): ApiKey {
  return {
    keyHash: row.key_hash,
    tenantId: uuidFromBytes(row.tenant_id),
    storeIds: JSON.parse(row.store_ids) as Uuid[],
    agentId: row.agent_id === null ? null : uuidFromBytes(row.agent_id),
    canRead: row.can_read === 1,
    canWrite: row.can_write === 1,
    canAdmin: row.can_admin === 1,
    label: row.label,
    createdAtMs: row.created_at_ms,
    revokedAtMs: row.revoked_at_ms,
  };
}
