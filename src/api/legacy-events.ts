/** Legacy reads (EVT-01, EVT-03; bodies of wire-api A.5): legacy events by number, and one entity's history. */
import type { Authenticator } from "../auth/authenticator.js";
import { assert } from "../base/assert.js";
import { utf8Length } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import { ENTITY_ID_BYTES_MAX, ENTITY_TYPE_BYTES_MAX } from "../protocol/envelope.js";
import { parseRfc3339 } from "../protocol/rfc3339.js";
import type { LogEntry, LogReader } from "../store/contract.js";
import type { HttpReply, Route } from "../transport/http.js";
import { authorizeRead } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { LongAnswers } from "./long-answers.js";
import { cappedInteger, requiredUuid } from "./query.js";
import { listReply } from "./reply.js";

export interface LegacyEventRoutesOptions {
  readonly authenticator: Authenticator;
  readonly reader: LogReader;
}

const MAX = Number.MAX_SAFE_INTEGER;
const RANGE_LIMIT = { default: 100, min: 0, max: 1000 };
const HISTORY_LIMIT = { default: 100, min: 0, max: 100 };

/** One answer; a longer one is refused, because clients that step by `limit` would skip what was cut off. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

const LONG_ANSWERS = { ofTenantMax: 2, totalMax: 8 };

export function legacyEventRoutes(options: LegacyEventRoutesOptions): Route[] {
  const longAnswers = new LongAnswers(LONG_ANSWERS);
  return [eventsRoute(options, longAnswers), historyRoute(options, longAnswers)];
}

/** `GET /api/v1/events?tenant_id&store_id&from&limit`: numbers `from` to `from + limit - 1`, so that steps of `limit` meet. */
function eventsRoute({ authenticator, reader }: LegacyEventRoutesOptions, longAnswers: LongAnswers): Route {
  return authenticated(authenticator, { method: "GET", path: "/api/v1/events" }, async ({ query }, { scope }) => {
    const stream = { tenantId: requiredUuid(query, "tenant_id"), storeId: requiredUuid(query, "store_id") };
    authorizeRead(scope, stream.tenantId, stream.storeId);
    const from = cappedInteger(query, "from", { default: 0, min: 0, max: MAX - RANGE_LIMIT.max });
    const limit = cappedInteger(query, "limit", RANGE_LIMIT);
    if (limit === 0) throw new CodedError("INVALID_FIELD_VALUE", "limit must be greater than 0");
    const toSequence = from + limit - 1;
    // The head first: what is behind it by the time the page is read is there for certain.
    const head = await reader.streamHead(stream.tenantId, stream.storeId, "event");
    const fromSequence = Math.max(1, from);
    const begin = () => longAnswers.begin(stream.tenantId);
    const events = await readWhole(Math.min(toSequence, head) - fromSequence + 1, begin, (read) =>
      reader.legacyPage({ ...stream, fromSequence: fromSequence + read, toSequence: Math.min(toSequence, head) }),
    );
    return eventsReply({ count: events.length }, events);
  });
}

/** `GET /api/v1/entities/{entity_type}/{entity_id}?tenant_id&store_id&from&limit`: `from` counts events of the entity. */
function historyRoute({ authenticator, reader }: LegacyEventRoutesOptions, longAnswers: LongAnswers): Route {
  const route = { method: "GET", path: "/api/v1/entities/{entity_type}/{entity_id}" } as const;
  return authenticated(authenticator, route, async ({ params, query }, { scope }) => {
    const stream = { tenantId: requiredUuid(query, "tenant_id"), storeId: requiredUuid(query, "store_id") };
    authorizeRead(scope, stream.tenantId, stream.storeId);
    const entityType = name(params.entity_type!, "entity_type", ENTITY_TYPE_BYTES_MAX);
    const entityId = name(params.entity_id!, "entity_id", ENTITY_ID_BYTES_MAX);
    const from = cappedInteger(query, "from", { default: 0, min: 0, max: MAX });
    const limit = cappedInteger(query, "limit", HISTORY_LIMIT) || HISTORY_LIMIT.default;
    const entity = { ...stream, entityType, entityId };
    const { entries: first, total } = await reader.legacyHistory(entity, from, limit);
    const wanted = Math.min(limit, total - from);
    const readPage = async (read: number) => (await reader.legacyHistory(entity, from + read, wanted - read)).entries;
    const events = await readWhole(wanted, () => longAnswers.begin(stream.tenantId), readPage, first);
    const members = { entity_type: entityType, entity_id: entityId, count: events.length, total };
    return eventsReply({ ...members, has_more: from + events.length < total }, events);
  });
}

function name(text: string, parameter: string, bytesMax: number): string {
  if (text.length > 0 && utf8Length(text) <= bytesMax) return text;
  throw new CodedError("INVALID_FIELD_VALUE", `${parameter} must be between 1 and ${bytesMax} characters`);
}

/**
 * `count` entries page by page: the store ends a page after some bytes, never before its first entry. `begin`: a place among
 * the long answers, if one page is not all of it. `first`: where it was read before.
 */
async function readWhole(
  count: number,
  begin: () => Disposable,
  readPage: (read: number) => Promise<readonly LogEntry[]>,
  first?: readonly LogEntry[],
): Promise<readonly LogEntry[]> {
  if (count <= 0) return [];
  const entries = [...(first ?? (await readPage(0)))];
  if (entries.length >= count) return entries;
  using _place = begin();
  let bytes = 0;
  for (const { frame } of entries) bytes += frame.length;
  while (entries.length < count) {
    const page = await readPage(entries.length);
    assert(page.length > 0, "the store has fewer events than it counted");
    for (const entry of page) {
      bytes += entry.frame.length;
      entries.push(entry);
    }
    if (bytes <= ANSWER_BYTES_MAX) continue;
    throw new CodedError("BATCH_TOO_LARGE", `these events exceed ${ANSWER_BYTES_MAX} bytes: ask for fewer at a time`);
  }
  return entries;
}

function eventsReply(members: Readonly<Record<string, unknown>>, entries: readonly LogEntry[]): HttpReply {
  return listReply(members, "events", entries.map(sequencedEvent));
}

const EVENT = Buffer.from(',"event":');
const RECEIPT = Buffer.from(',"receipt":');
const SEQUENCED_AT = '"sequenced_at":"';

/** `{"envelope":{…,"sequence_number":n},"sequenced_at"}`, cut from the frame: its event's text goes on as it is stored. */
function sequencedEvent({ frame, sequenceNumber }: LogEntry): Uint8Array {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const begin = bytes.indexOf(EVENT);
  // The receipt is flat and comes last; a payload may hold the same name anywhere.
  const event = bytes.subarray(begin + EVENT.length, bytes.lastIndexOf(RECEIPT) - 1);
  const head = bytes.toString("latin1", 0, begin);
  const time = head.slice(head.indexOf(SEQUENCED_AT) + SEQUENCED_AT.length, -1);
  const sequencedAt = new Date(parseRfc3339(time)!).toISOString();
  return Buffer.concat([
    Buffer.from('{"envelope":'),
    event,
    Buffer.from(`,"sequence_number":${sequenceNumber}},"sequenced_at":"${sequencedAt}"}`),
  ]);
}
