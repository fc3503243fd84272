import type { Uuid } from "../base/ids.js";
import type { EntryKind } from "../protocol/entry-kind.js";
import type { EntryFilter } from "./contract.js";

/** What a filter looks at in an entry. */
export interface FilterSubject {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
}

export type EntryMatcher = (stream: FilterSubject, entityType: string, entityId: string, kind: EntryKind) => boolean;

export const matchAll: EntryMatcher = () => true;

/** One meaning of a filter for rows and for the memory tail alike. */
export function compileFilter(filter: EntryFilter): EntryMatcher {
  const { tenantId, storeIds, entityType, entityId, kind } = filter;
  if ([tenantId, storeIds, entityType, entityId, kind].every((member) => member === undefined)) return matchAll;
  const stores = storeIds === undefined ? null : new Set(storeIds);
  return (stream, type, id, entryKind) =>
    (tenantId === undefined || stream.tenantId === tenantId) &&
    (stores === null || stores.has(stream.storeId)) &&
    (entityType === undefined || type === entityType) &&
    (entityId === undefined || id === entityId) &&
    (kind === undefined || entryKind === kind);
}
