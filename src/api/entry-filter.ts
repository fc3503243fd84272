import { CodedError } from "../base/errors.js";
import { ENTRY_KINDS, type EntryKind } from "../protocol/entry-kind.js";
import type { EntryFilter } from "../store/contract.js";
import type { FilterSubject } from "../store/entry-filter.js";
import { authorizeRead, coversStore, coversTenant, requireRead, type Scope } from "../verify/scope.js";
import { optionalText, optionalUuid } from "./query.js";

/**
 * The filter of a replay: what the query asks for, narrowed to what the credential may see. Asking for more than that is
 * refused, asking for nothing in particular shows what is allowed. Throws INSUFFICIENT_PERMISSIONS, INVALID_FIELD_VALUE.
 */
export function readEntryFilter(query: URLSearchParams, scope: Scope): EntryFilter {
  const tenantId = optionalUuid(query, "tenant_id") ?? scope.tenantId;
  const storeId = optionalUuid(query, "store_id");
  if (tenantId !== null) authorizeRead(scope, tenantId, storeId);
  else requireRead(scope);
  const storeIds = storeId !== null ? [storeId] : scope.storeIds.length > 0 ? scope.storeIds : null;
  const entityType = optionalText(query, "entity_type");
  const entityId = optionalText(query, "entity_id");
  const kind = readKind(optionalText(query, "kind"));
  return {
    ...(tenantId === null ? {} : { tenantId }),
    ...(storeIds === null ? {} : { storeIds }),
    ...(entityType === null ? {} : { entityType }),
    ...(entityId === null ? {} : { entityId }),
    ...(kind === null ? {} : { kind }),
  };
}

function readKind(text: string | null): EntryKind | null {
  if (text === null) return null;
  const kind = ENTRY_KINDS.find((name) => name === text);
  if (kind === undefined)
    throw new CodedError("INVALID_FIELD_VALUE", `query parameter kind must be one of ${ENTRY_KINDS.join(", ")}`);
  return kind;
}

/** May this credential see entries of this stream? */
export function canSee(scope: Scope, entry: FilterSubject): boolean {
  return scope.canRead && coversTenant(scope, entry.tenantId) && coversStore(scope, entry.storeId);
}
