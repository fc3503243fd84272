/** Bytes to a socket and bytes back, for requests that no well-behaved client sends. */
import { connect } from "node:net";

export interface RawAnswer {
  /** Null when the server closed without a status line. */
  readonly status: number | null;
  readonly headers: Headers;
  readonly text: string;
  readonly raw: string;
}

/** Sends everything, then reads until the answer is complete, the server closes, or `timeoutMs` pass. */
export function sendRaw(port: number, bytes: Uint8Array | string, timeoutMs = 2000): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let raw = Buffer.alloc(0);
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(raw));
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on("data", (chunk: Buffer) => {
      raw = Buffer.concat([raw, chunk]);
      if (isComplete(raw)) finish();
    });
    socket.once("end", finish);
    socket.once("error", finish);
    socket.once("connect", () => socket.write(bytes));
  });
}

function isComplete(raw: Buffer): boolean {
  const end = raw.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = raw.toString("latin1", 0, end);
  if (/transfer-encoding: chunked/i.test(head)) return raw.toString("latin1").endsWith("\r\n0\r\n\r\n");
  const length = /content-length: (\d+)/i.exec(head);
  return length !== null && raw.length >= end + 4 + Number(length[1]);
}

function parse(raw: Buffer): RawAnswer {
  const text = raw.toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  const head = (end < 0 ? text : text.slice(0, end)).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head[0] ?? "");
  const headers = new Headers();
  for (const line of head.slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const body = end < 0 ? Buffer.alloc(0) : raw.subarray(end + 4);
  const isChunked = headers.get("transfer-encoding") === "chunked";
  const content = isChunked ? unchunked(body) : body;
  return { status: status === null ? null : Number(status[1]), headers, text: content.toString("utf8"), raw: text };
}

function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf("\r\n", at);
    const length = lineEnd < 0 ? 0 : Number.parseInt(body.toString("latin1", at, lineEnd), 16);
    if (!(length > 0)) return Buffer.concat(parts);
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 4 + length;
  }
}
