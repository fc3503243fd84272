import type { LogIdentity } from "./answers.js";

/** Which entries of the log: those that match every member given. What the credential may not see never matches. */
export interface EntryFilters {
  readonly tenantId?: string;
  readonly storeId?: string;
  readonly entityType?: string;
  readonly entityId?: string;
  readonly kind?: "ves_event" | "event";
}

export interface LogCursor extends EntryFilters {
  /** Offset of the first entry wanted. */
  readonly fromOffset: number;
  /** The log the offset belongs to, once known: a restored one then answers LOG_MISMATCH. */
  readonly log?: LogIdentity | null;
}

/** Query members of `GET /api/v1/log` and of `/subscribe`, which take the same. */
export function logQuery(cursor: LogCursor): Record<string, string | number | undefined> {
  return {
    from_offset: cursor.fromOffset,
    log_id: cursor.log?.logId,
    epoch: cursor.log?.epoch,
    tenant_id: cursor.tenantId,
    store_id: cursor.storeId,
    entity_type: cursor.entityType,
    entity_id: cursor.entityId,
    kind: cursor.kind,
  };
}

/** Does the cursor ask for every entry? Then offsets have no gaps, unless the credential narrows what is shown. */
export function isUnfiltered({ tenantId, storeId, entityType, entityId, kind }: EntryFilters): boolean {
  return [tenantId, storeId, entityType, entityId, kind].every((member) => member === undefined);
}
