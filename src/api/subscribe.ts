import type { Authenticator } from "../auth/authenticator.js";
import { CodedError } from "../base/errors.js";
import type { Broadcaster } from "../broadcast/broadcaster.js";
import { limitCatchUp, readCursor } from "../broadcast/cursor.js";
import { type EntrySource, entryQuery } from "../broadcast/entry-source.js";
import { ENTRIES_PROTOCOL } from "../protocol/subprotocols.js";
import type { SocketHandler, SocketRoute, UpgradeRequest } from "../transport/http.js";
import { readEntryFilter } from "./entry-filter.js";
import { optionalText } from "./query.js";

export interface SubscribeRouteOptions {
  readonly authenticator: Authenticator;
  readonly broadcaster: Broadcaster;
  readonly source: EntrySource;
  readonly entriesPerPageMax: number;
  /** Largest catch-up, entries; 0 = no limit. */
  readonly catchUpMax: number;
  /** Aborted when the service goes away. */
  readonly shutdown: AbortSignal;
  onFrames(entries: number, bytes: number): void;
  onError(error: unknown): void;
}

/**
 * `GET /subscribe?from_offset=N` (alias `/ws/subscribe`): one JSON text frame per entry, or with `batch=1` one array per
 * page. Everything that can be refused is refused before the upgrade, with the same codes as HTTP.
 */
export function subscribeRoutes(options: SubscribeRouteOptions): SocketRoute[] {
  return ["/subscribe", "/ws/subscribe"].map((path) => ({ path, accept: (request) => accept(options, request) }));
}

async function accept(options: SubscribeRouteOptions, request: UpgradeRequest): Promise<SocketHandler> {
  const { authenticator, broadcaster, source, entriesPerPageMax, catchUpMax, onFrames, onError } = options;
  if (options.shutdown.aborted) throw new CodedError("SHUTTING_DOWN", "the service is shutting down");
  const { scope, credential, expiresAtMs } = await authenticator.authenticate(request);
  const { tenantId } = scope;
  broadcaster.checkRoom(tenantId);
  const filter = readEntryFilter(request.query, scope);
  const isBatched = readBatch(request.query);
  const { head } = source;
  const fromOffset = readCursor(request.query, head);
  limitCatchUp(fromOffset, head, catchUpMax);
  const query = entryQuery(filter, entriesPerPageMax);
  const protocol = request.protocols.includes(ENTRIES_PROTOCOL) ? ENTRIES_PROTOCOL : null;
  const subscription = { source, query, fromOffset, isBatched, protocol, onFrames, onError };
  return broadcaster.add(subscription, { credential, expiresAtMs, tenantId });
}

function readBatch(query: URLSearchParams): boolean {
  const text = optionalText(query, "batch");
  if (text === null || text === "0") return false;
  if (text === "1") return true;
  throw new CodedError("INVALID_FIELD_VALUE", "query parameter batch must be 0 or 1");
}
