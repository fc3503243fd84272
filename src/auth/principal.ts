import type { ApiKey } from "../store/contract.js";
import type { Scope } from "../verify/scope.js";

/** Who is asking, and what for. */
export interface Principal {
  readonly scope: Scope;
  /** SHA-256 (hex) of the API key, so that its revocation reaches what it opened; null for tokens and open access. */
  readonly credential: string | null;
  /** When a token stops opening anything, and what it opened ends; null for API keys and open access. */
  readonly expiresAtMs: number | null;
}

/** Every tenant, every store, everything allowed (wire-api B.4). */
export const BOOTSTRAP_SCOPE: Scope = {
  tenantId: null,
  storeIds: [],
  agentId: null,
  canRead: true,
  canWrite: true,
  canAdmin: true,
};

export function scopeOf(key: ApiKey): Scope {
  const { tenantId, storeIds, agentId, canRead, canWrite, canAdmin } = key;
  return { tenantId, storeIds, agentId, canRead, canWrite, canAdmin };
}
