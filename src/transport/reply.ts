import { STATUS_CODES } from "node:http";
import type { HttpReply } from "./http.js";
import type { NativeResponse } from "./native.js";

/**
 * Writes one reply. Its body is offered to the kernel as the client reads, so that a slow reader costs one body in memory and
 * never a second copy. A reply of which something waits is not over, and the library ends a connection whose next request
 * comes before that: who sends requests and reads no answers has one of them in memory, not all.
 */
export interface SendOptions {
  readonly requestId: string;
  /** Headers and content length only. Such a reply leaves the response open, as `lingers` does. */
  readonly isHead: boolean;
  readonly closeConnection: boolean;
  /**
   * Leaves the response open although the client has all of it: the library then ends the connection instead of reading
   * another request from it. Somebody has to close it.
   */
  readonly lingers: boolean;
  /** Runs once the whole reply was taken; not when the client leaves first. */
  sent(): void;
}

/** What the library may have to keep for a client that is told to go: nothing comes after it. */
const CLOSING_WRITE_BYTES_MAX = 64 * 1024;

const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

const DEFAULT_HEADERS = [
  ["content-type", "application/json"],
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
  ["cache-control", "no-store"],
] as const;

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** Throws when a header could break out of its line: a fault of the handler, found before anything is written. */
export function assertHeaders({ headers }: HttpReply): void {
  for (const name in headers) {
    if (!HEADER_VALUE.test(headers[name]!)) throw new Error(`Reply header ${name} has characters no header can carry`);
  }
}

/** Returns whether all of it was taken at once. */
export function sendReply(
  res: NativeResponse,
  { status, headers = NO_HEADERS, body }: HttpReply,
  options: SendOptions,
): boolean {
  const bodyBytes = byteLength(body);
  let isSent = true;
  res.cork(() => {
    if (options.lingers) {
      res.writeStatus(unendedReply(status, headers, body, options.requestId));
      return;
    }
    res.writeStatus(replyHead(status, headers));
    for (const name in headers) res.writeHeader(name, headers[name]!);
    res.writeHeader("x-request-id", options.requestId);
    if (options.isHead) reportLength(res, bodyBytes);
    else if (status === NO_CONTENT || status === NOT_MODIFIED) endWithoutBody(res, options.closeConnection);
    else if (options.closeConnection && bodyBytes <= CLOSING_WRITE_BYTES_MAX) res.end(body, true);
    else {
      if (options.closeConnection) res.writeHeader("connection", "close");
      isSent = offerBody(res, body, bodyBytes, options.sent);
    }
  });
  if (isSent) options.sent();
  return isSent;
}

export function byteLength(body: string | Uint8Array): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
}

/** The whole reply, but for the CRLF that the library writes behind it: JSON may end with one. */
function unendedReply(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
  requestId: string,
): string {
  const lines = [replyHead(status, headers), ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  lines.push(`x-request-id: ${requestId}`, `date: ${new Date().toUTCString()}`, "connection: close");
  lines.push(
    `content-length: ${byteLength(body) + 2}`,
    "",
    typeof body === "string" ? body : Buffer.from(body).toString(),
  );
  return lines.join("\r\n");
}

/** The library takes the body to be still to come, and so keeps no second reply behind one that nobody reads. */
function reportLength(res: NativeResponse, bodyBytes: number): void {
  if (bodyBytes === 0) {
    res.end("", true);
    return;
  }
  res.writeHeader("connection", "close");
  res.tryEnd("", bodyBytes);
}

/** The library cannot close after a reply without a length: a closing one reports 0. */
function endWithoutBody(res: NativeResponse, closeConnection: boolean): void {
  if (closeConnection) res.end("", true);
  else res.endWithoutBody();
}

/** Returns whether all of it was taken at once; if not, `sent` runs later. */
function offerBody(res: NativeResponse, body: string | Uint8Array, bodyBytes: number, sent: () => void): boolean {
  const [, isComplete] = res.tryEnd(body, bodyBytes);
  if (isComplete) return true;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  res.onWritable((offset) => {
    const [isTaken, isDone] = res.tryEnd(bytes.subarray(offset), bodyBytes);
    if (isDone) sent();
    return isTaken;
  });
  return false;
}

const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

const replyHeads = new Map<number, string>();

/**
 * Status and those of the default headers that the reply has not, as one text: a call into the native library costs more
 * than writing a header. Bounded: there are few statuses, and sixteen heads of each.
 */
function replyHead(status: number, headers: Readonly<Record<string, string>>): string {
  let replaced = 0;
  for (let i = 0; i < DEFAULT_HEADERS.length; i++)
    if (headers[DEFAULT_HEADERS[i]![0]] !== undefined) replaced |= 1 << i;
  const key = (status << DEFAULT_HEADERS.length) | replaced;
  const known = replyHeads.get(key);
  if (known !== undefined) return known;
  const lines = DEFAULT_HEADERS.filter((_, i) => (replaced & (1 << i)) === 0).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const head = [`${status} ${STATUS_CODES[status] ?? "Unknown"}`, ...lines].join("\r\n");
  replyHeads.set(key, head);
  return head;
}
