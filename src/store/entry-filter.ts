import type { Uuid } from "../base/ids.js";
import type { EntryFilter } from "./contract.js";

/** What a filter looks at in an entry. */
export interface FilterSubject {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
}

export type EntryMatcher = (stream: FilterSubject, entityType: string, entityId: string) => boolean;

export const matchAll: EntryMatcher = () => true;

/**
 * One meaning of a filter for rows and for the memory tail alike. Every stored kind is `ves_event` so far, so `kind`
 * needs no look at the entry.
 */
export function compileFilter(filter: EntryFilter): EntryMatcher {
  const { tenantId, storeIds, entityType, entityId } = filter;
  if (tenantId === undefined && storeIds === undefined && entityType === undefined && entityId === undefined)
    return matchAll;
  const stores = storeIds === undefined ? null : new Set(storeIds);
  return (stream, type, id) =>
    (tenantId === undefined || stream.tenantId === tenantId) &&
    (stores === null || stores.has(stream.storeId)) &&
    (entityType === undefined || type === entityType) &&
    (entityId === undefined || id === entityId);
}
