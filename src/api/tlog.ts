/**
 * The log's tree for auditors. Public: a checkpoint, hashes and leaf records say how many entries there are and nothing of
 * what is in them (`protocol/tlog-leaf.ts`), and an append-only log is only worth what anyone may hold it to. Under
 * `/tlog` as C2SP tlog-tiles has it, for clients that know no other log; proofs ready-made under `/api/v1/log`.
 */
import { toHex } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import { sha256Text } from "../protocol/sha256.js";
import { decodeTilePath, ENTRIES } from "../protocol/tlog-tile.js";
import { leafHash } from "../protocol/tlog-tree.js";
import type { Tlog } from "../tlog/tlog.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { optionalText } from "./query.js";
import { jsonReply } from "./reply.js";

export interface TlogRoutesOptions {
  readonly tlog: Tlog;
  /** The checkpoint key as auditors are given it (C2SP signed-note, verifier key). */
  readonly noteKey: string;
}

const TILES = "/tlog/tile/";

/** Path elements of the largest tile index, and one for the width of a partial tile. */
const TILE_PATH_ELEMENTS_MAX = 7;

const NOT_MODIFIED = 304;
const ETAG_DIGITS = 16;

export function tlogRoutes(options: TlogRoutesOptions): Route[] {
  return [
    noteRoute(options),
    ...tileRoutes(options),
    checkpointRoute(options),
    inclusionRoute(options),
    consistencyRoute(options),
  ];
}

/** `GET /tlog/checkpoint`: the newest checkpoint, a signed note. */
function noteRoute({ tlog }: TlogRoutesOptions): Route {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  const handle = (): HttpReply => ({ status: 200, headers, body: tlog.checkpoint().note });
  return { method: "GET", path: "/tlog/checkpoint", handle };
}

/**
 * `GET /tlog/tile/<L>/<N>[.p/<W>]` and `GET /tlog/tile/entries/<N>[.p/<W>]`. What is served once never changes as long as the
 * origin is the same: a log that was restored or taken over has other entries, and tiles, under the same paths. So a cache
 * may keep a tile and asks each time whether it is of this origin, which is answered without a look at the tree.
 */
function tileRoutes({ tlog }: TlogRoutesOptions): Route[] {
  const etag = `"${toHex(sha256Text(tlog.origin)).slice(0, ETAG_DIGITS)}"`;
  const headers = { "content-type": "application/octet-stream", "cache-control": "public, no-cache", etag };
  const handle = async (request: HttpRequest): Promise<HttpReply> => {
    const { path } = request;
    if (isNamed(etag, request.header("if-none-match"))) {
      // Throws where no tile is served either.
      tlog.checkpoint();
      return { status: NOT_MODIFIED, headers, body: "" };
    }
    const tile = decodeTilePath(path.slice(TILES.length));
    if (tile === null) throw new CodedError("RESOURCE_NOT_FOUND", "no such tile");
    const { level, index, width } = tile;
    const body = await (level === ENTRIES
      ? tlog.ask({ kind: "entries", index, width })
      : tlog.ask({ kind: "tile", level, index, width }));
    if (body === null) throw new CodedError("RESOURCE_NOT_FOUND", "the log does not reach that tile");
    return { status: 200, headers, body };
  };
  return Array.from({ length: TILE_PATH_ELEMENTS_MAX }, (_, count) => {
    const more = Array.from({ length: count }, (_, at) => `/{part${at + 1}}`).join("");
    return { method: "GET", path: `${TILES}{level}/{index}${more}`, handle };
  });
}

/** Whether the tag is among those of an If-None-Match, which caches that recode a body make weak. */
function isNamed(etag: string, given: string | undefined): boolean {
  return given?.split(",").some((text) => text.trim().replace(/^W\//, "") === etag) ?? false;
}

/** `GET /api/v1/log/checkpoint`: the same checkpoint taken apart, with the key to check it with. */
function checkpointRoute({ tlog, noteKey }: TlogRoutesOptions): Route {
  return {
    method: "GET",
    path: "/api/v1/log/checkpoint",
    handle: () => {
      const { note, size, root, cosignatures } = tlog.checkpoint();
      const members = { origin: tlog.origin, size, root: toHex(root), cosignatures, key: noteKey, checkpoint: note };
      return jsonReply(members);
    },
  };
}

/** `GET /api/v1/log/inclusion?offset&size`: that entry's leaf and its way up to the root of that size, or of the newest. */
function inclusionRoute({ tlog }: TlogRoutesOptions): Route {
  return {
    method: "GET",
    path: "/api/v1/log/inclusion",
    handle: async ({ query }) => {
      const offset = requiredCount(query, "offset");
      const size = optionalCount(query, "size") ?? tlog.checkpoint().size;
      const answer = await tlog.ask({ kind: "inclusion", offset, size });
      if (answer === null) throw new CodedError("RESOURCE_NOT_FOUND", "no checkpoint covers that offset and size");
      const { record, root, proof } = answer;
      const leaf = { leaf: toHex(record), leaf_hash: toHex(leafHash(record)) };
      return jsonReply({ offset, size, root: toHex(root), ...leaf, proof: proof.map(toHex) });
    },
  };
}

/** `GET /api/v1/log/consistency?from&to`: that the tree of `from` leaves is what that of `to`, or the newest, began with. */
function consistencyRoute({ tlog }: TlogRoutesOptions): Route {
  return {
    method: "GET",
    path: "/api/v1/log/consistency",
    handle: async ({ query }) => {
      const from = requiredCount(query, "from");
      const to = optionalCount(query, "to") ?? tlog.checkpoint().size;
      if (from > to) throw new CodedError("INVALID_FIELD_VALUE", "query parameter from must not be above to");
      const answer = await tlog.ask({ kind: "consistency", from, to });
      if (answer === null) throw new CodedError("RESOURCE_NOT_FOUND", "no checkpoint covers that size");
      const { fromRoot, toRoot, proof } = answer;
      return jsonReply({ from, to, from_root: toHex(fromRoot), to_root: toHex(toRoot), proof: proof.map(toHex) });
    },
  };
}

function requiredCount(query: URLSearchParams, name: string): number {
  const value = optionalCount(query, name);
  if (value === null) throw new CodedError("MISSING_REQUIRED_FIELD", `query parameter ${name} is required`);
  return value;
}

function optionalCount(query: URLSearchParams, name: string): number | null {
  const text = optionalText(query, name);
  if (text === null) return null;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw new CodedError("INVALID_FIELD_VALUE", `query parameter ${name} must be a non-negative integer`);
  }
  return value;
}
