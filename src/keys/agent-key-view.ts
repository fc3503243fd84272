import { toHex } from "../base/bytes.js";
import { type AgentKey, KEY_PURPOSE_SIGNING } from "../store/contract.js";

/** A key as the API shows it. Times are RFC 3339 in UTC, null where open. */
export interface AgentKeyView {
  readonly tenantId: string;
  readonly agentId: string;
  readonly keyId: number;
  readonly keyType: "signing" | "encryption";
  readonly keyAlgorithm: number;
  readonly publicKey: string;
  readonly status: "active" | "revoked" | "expired" | "not_yet_valid";
  readonly validFrom: string | null;
  readonly validTo: string | null;
  readonly createdAt: string;
  readonly revokedAt: string | null;
  readonly revokeReason: string | null;
}

export function agentKeyView(key: AgentKey, nowMs: number): AgentKeyView {
  return {
    tenantId: key.tenantId,
    agentId: key.agentId,
    keyId: key.keyId,
    keyType: key.purpose === KEY_PURPOSE_SIGNING ? "signing" : "encryption",
    keyAlgorithm: key.purpose,
    publicKey: toHex(key.publicKey),
    status: statusOf(key, nowMs),
    validFrom: timeOf(key.validFromMs),
    validTo: timeOf(key.validToMs),
    createdAt: timeOf(key.createdAtMs)!,
    revokedAt: timeOf(key.revokedAtMs),
    revokeReason: key.revokeReason,
  };
}

function statusOf(key: AgentKey, nowMs: number): AgentKeyView["status"] {
  if (key.revokedAtMs !== null) return "revoked";
  if (key.validFromMs !== null && nowMs < key.validFromMs) return "not_yet_valid";
  return key.validToMs !== null && nowMs > key.validToMs ? "expired" : "active";
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
