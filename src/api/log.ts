/** Reads over the one order: the log by offset, its head, a stream by sequence number, an event by its id. */
import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import { readCursor } from "../broadcast/cursor.js";
import { type EntrySource, entryQuery } from "../broadcast/entry-source.js";
import type { LogReader } from "../store/contract.js";
import type { Route } from "../transport/http.js";
import { authorizeRead, requireRead } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { canSee, readEntryFilter } from "./entry-filter.js";
import { pathId } from "./path-id.js";
import { cappedInteger, optionalText, optionalUuid, requiredUuid } from "./query.js";
import { entriesReply, jsonReply } from "./reply.js";

export interface LogRoutesOptions {
  readonly authenticator: Authenticator;
  readonly source: EntrySource;
  readonly reader: LogReader;
  /** Aborted when the service goes away. */
  readonly shutdown: AbortSignal;
}

const LIMIT = { default: 100, min: 1, max: 1000 };

export function logRoutes(options: LogRoutesOptions): Route[] {
  return [logRoute(options), headRoute(options), eventsRoute(options), eventRoute(options)];
}

/** `GET /api/v1/log?from_offset&limit` and the filters of `/subscribe`: the same entries, a page at a time. */
function logRoute({ authenticator, source, shutdown }: LogRoutesOptions): Route {
  return authenticated(authenticator, { method: "GET", path: "/api/v1/log" }, async ({ query }, { scope }) => {
    // As for a subscription: whoever pages through the log is sent away instead of being cut off in the middle.
    if (shutdown.aborted) throw new CodedError("SHUTTING_DOWN", "the service is shutting down");
    const filter = readEntryFilter(query, scope);
    const { head } = source;
    const fromOffset = readCursor(query, head);
    const page = await source.page(fromOffset, entryQuery(filter, cappedInteger(query, "limit", LIMIT)));
    const members = {
      log_id: head.logId,
      epoch: head.epoch,
      next_offset: page.nextOffset,
      head_offset: source.nextOffset,
      count: page.entries.length,
    };
    return entriesReply(members, "entries", page.entries);
  });
}

/** `GET /api/v1/head`: where the log ends and, with `tenant_id` and `store_id`, where that stream's VES and legacy events end (0 = none). */
function headRoute({ authenticator, source, reader }: LogRoutesOptions): Route {
  return authenticated(authenticator, { method: "GET", path: "/api/v1/head" }, async ({ query }, { scope }) => {
    const { logId, epoch, nextOffset } = source.head;
    const log = { log_id: logId, epoch, next_offset: nextOffset };
    if (optionalUuid(query, "tenant_id") === null && optionalUuid(query, "store_id") === null) {
      requireRead(scope);
      return jsonReply(log);
    }
    const tenantId = requiredUuid(query, "tenant_id");
    const storeId = requiredUuid(query, "store_id");
    authorizeRead(scope, tenantId, storeId);
    const heads = await Promise.all([
      reader.streamHead(tenantId, storeId),
      reader.streamHead(tenantId, storeId, "event"),
    ]);
    return jsonReply({ head_sequence: heads[0], legacy_head_sequence: heads[1], ...log });
  });
}

/**
 * `GET /api/v1/ves/events?tenant_id&store_id&from&limit`: `from` is a sequence number, inclusive, 0 = 1. A page may hold fewer
 * than `limit` or none and not be the last: it goes on at `next_sequence`, and is the last when that is beyond `head_sequence`. All of it
 * is of one moment.
 */
function eventsRoute({ authenticator, reader }: LogRoutesOptions): Route {
  return authenticated(authenticator, { method: "GET", path: "/api/v1/ves/events" }, async ({ query }, { scope }) => {
    const tenantId = requiredUuid(query, "tenant_id");
    const storeId = requiredUuid(query, "store_id");
    authorizeRead(scope, tenantId, storeId);
    const fromSequence = cappedInteger(query, "from", { default: 1, min: 0, max: Number.MAX_SAFE_INTEGER });
    const limit = cappedInteger(query, "limit", LIMIT);
    const narrowed: Record<string, string> = {};
    for (const [parameter, member] of NARROWING) {
      const value = optionalText(query, parameter);
      if (value !== null) narrowed[member] = value;
    }
    const page = await reader.streamPage({ tenantId, storeId, fromSequence, limit, ...narrowed });
    const { entries, nextSequence, headSequence } = page;
    const members = { count: entries.length, next_sequence: nextSequence, head_sequence: headSequence };
    return entriesReply(members, "events", entries);
  });
}

const NARROWING = [
  ["entity_type", "entityType"],
  ["entity_id", "entityId"],
  ["event_type", "eventType"],
] as const;

/** `GET /api/v1/ves/events/{event_id}`. An event of somebody else's stream does not exist for this credential. */
function eventRoute({ authenticator, reader }: LogRoutesOptions): Route {
  const route = { method: "GET", path: "/api/v1/ves/events/{event_id}" } as const;
  return authenticated(authenticator, route, async ({ params }, { scope }) => {
    const eventId = pathId(params, "event_id");
    requireRead(scope);
    const entry = await reader.entryByEventId(eventId, scope.tenantId);
    if (entry === null || !canSee(scope, entry)) throw new CodedError("EVENT_NOT_FOUND", "Event not found");
    return { status: 200, body: entry.frame };
  });
}
