/** A WebSocket subscriber that keeps what it hears, for tests that look at it from outside. */
import { WebSocket } from "ws";

export interface LiveEntry {
  readonly offset: number;
  readonly tenant_id: string;
  readonly store_id: string;
  readonly event: { readonly event_id: string };
}

export interface LiveSocket {
  readonly entries: LiveEntry[];
  /** Status 101, or the one the handshake was refused with. */
  readonly status: number;
  readonly refusal: { readonly status: number; readonly headers: Headers; readonly text: string } | null;
  readonly protocol: string;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Resolves when that many entries have come. */
  heard(count: number): Promise<void>;
  close(): void;
}

export interface ConnectOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
}

export function connect(url: string, options: ConnectOptions = {}): Promise<LiveSocket> {
  const socket = new WebSocket(url, [...(options.protocols ?? [])], { headers: { ...options.headers } });
  const entries: LiveEntry[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  socket.on("message", (frame: Buffer) => {
    entries.push(JSON.parse(frame.toString()) as LiveEntry);
    for (const { count, resolve } of waiting) if (entries.length >= count) resolve();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  const heard = (count: number): Promise<void> =>
    entries.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve }));
  const shared = { entries, closed, heard, close: () => socket.terminate() };
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve({ ...shared, status: 101, refusal: null, protocol: socket.protocol }));
    socket.once("unexpected-response", (_, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () => {
        const headers = new Headers(response.headers as Record<string, string>);
        const status = response.statusCode!;
        const refusal = { status, headers, text: Buffer.concat(chunks).toString() };
        resolve({ ...shared, status, refusal, protocol: "" });
      });
    });
    socket.once("error", reject);
  });
}
