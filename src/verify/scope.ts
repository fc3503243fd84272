import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";

/**
 * What a credential may touch, as every layer judges it. A null tenant is the bootstrap admin: every tenant and store
 * (wire-api B.4).
 */
export interface Scope {
  readonly tenantId: Uuid | null;
  /** Empty = every store of the tenant. */
  readonly storeIds: readonly Uuid[];
  /** Set = bound to one agent. */
  readonly agentId: Uuid | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  readonly canAdmin: boolean;
}

/** Each throws INSUFFICIENT_PERMISSIONS, with the message existing clients know. */
export function authorizeRead(scope: Scope, tenantId: Uuid, storeId: Uuid | null): void {
  requireRead(scope);
  authorizeStream(scope, tenantId, storeId);
}

/** For what is looked up before its stream is known: whoever uses this judges that too, see `coversTenant` and `coversStore`. */
export function requireRead(scope: Scope): void {
  if (!scope.canRead) throw forbidden("Read permission required");
}

export function authorizeWrite(scope: Scope, tenantId: Uuid, storeId: Uuid | null): void {
  if (!scope.canWrite) throw forbidden("Write permission required");
  authorizeStream(scope, tenantId, storeId);
}

export function authorizeAdmin(scope: Scope, tenantId: Uuid | null): void {
  if (!scope.canAdmin) throw forbidden("Admin permission required");
  if (tenantId === null ? scope.tenantId !== null : !coversTenant(scope, tenantId))
    throw forbidden("Tenant access denied");
}

function authorizeStream(scope: Scope, tenantId: Uuid, storeId: Uuid | null): void {
  if (!coversTenant(scope, tenantId)) throw forbidden("Tenant access denied");
  if (storeId !== null && !coversStore(scope, storeId)) throw forbidden("Store access denied");
}

/** A credential that is bound to an agent acts for that one. */
export function authorizeAgent(scope: Scope, agentId: Uuid): void {
  if (!coversAgent(scope, agentId)) throw forbidden("Agent mismatch");
}

export function coversTenant(scope: Scope, tenantId: Uuid): boolean {
  return scope.tenantId === null || scope.tenantId === tenantId;
}

export function coversStore(scope: Scope, storeId: Uuid): boolean {
  return scope.storeIds.length === 0 || scope.storeIds.includes(storeId);
}

/** `agentId`: null = not bound to any, which a credential that is does not cover. */
export function coversAgent(scope: Scope, agentId: Uuid | null): boolean {
  return scope.agentId === null || scope.agentId === agentId;
}

function forbidden(message: string): CodedError {
  return new CodedError("INSUFFICIENT_PERMISSIONS", message);
}
