import { STATUS_CODES } from "node:http";
import type { HttpReply } from "./http.js";
import type { NativeResponse } from "./native.js";

/**
 * Writes one reply. Small bodies go out in one write; larger ones are offered to the kernel as the client reads, so that a
 * slow reader costs one body in memory and never a second copy.
 */
export interface SendOptions {
  readonly requestId: string;
  /** Headers and content length only. */
  readonly isHead: boolean;
  readonly closeConnection: boolean;
  /** Leaves the reply open after its whole body was written. */
  readonly lingers: boolean;
  /** Runs once the whole reply was taken; not when the client leaves first. */
  sent(): void;
}

/** What the native side may have to copy and keep for a client that does not read. */
const SINGLE_WRITE_BYTES_MAX = 64 * 1024;

const NO_CONTENT = 204;

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

export function sendReply(
  res: NativeResponse,
  { status, headers = NO_HEADERS, body }: HttpReply,
  options: SendOptions,
): void {
  const bodyBytes = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
  const isSingleWrite = bodyBytes <= SINGLE_WRITE_BYTES_MAX;
  let isSent = true;
  res.cork(() => {
    res.writeStatus(replyHead(status, headers));
    for (const name in headers) res.writeHeader(name, headers[name]!);
    res.writeHeader("x-request-id", options.requestId);
    if (options.lingers) {
      res.writeHeader("connection", "close");
      res.write(body);
    } else if (options.isHead || status === NO_CONTENT)
      endWithoutBody(res, options.isHead ? bodyBytes : null, options.closeConnection);
    else if (isSingleWrite) res.end(body, options.closeConnection);
    else {
      if (options.closeConnection) res.writeHeader("connection", "close");
      isSent = streamBody(res, typeof body === "string" ? Buffer.from(body) : body, options.sent);
    }
  });
  if (isSent) options.sent();
}

/**
 * The library never ends a response whose length it reports without a body, and cannot close after one: so the header is
 * written by hand, and a closing reply reports no length but 0. A 204 has none at all.
 */
function endWithoutBody(res: NativeResponse, reportedBytes: number | null, closeConnection: boolean): void {
  if (closeConnection) {
    res.end("", true);
    return;
  }
  if (reportedBytes !== null) res.writeHeader("content-length", String(reportedBytes));
  res.endWithoutBody();
}

/** Returns whether all of it was taken at once; if not, `sent` runs later. */
function streamBody(res: NativeResponse, body: Uint8Array, sent: () => void): boolean {
  const [, isComplete] = res.tryEnd(body, body.byteLength);
  if (isComplete) return true;
  res.onWritable((offset) => {
    const [isTaken, isDone] = res.tryEnd(body.subarray(offset), body.byteLength);
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
