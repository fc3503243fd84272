import { connect, type Socket as TcpSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { problemReply } from "../../../src/api/problem.js";
import type { CrossOrigin } from "../../../src/transport/cross-origin.js";
import type { HttpRequest, RequestRecord, Route, SocketRoute } from "../../../src/transport/http.js";
import { hasNativeTransport } from "../../../src/transport/native.js";
import { type Server, type ServerLimits, startServer } from "../../../src/transport/server.js";

export type Transport = "native" | "node";

/** Every behaviour holds on both. */
export const TRANSPORTS: readonly Transport[] = hasNativeTransport ? ["native", "node"] : ["node"];

/** For a busy machine; what holds, holds within milliseconds. */
const PATIENCE_MS = 30_000;

export const LIMITS: ServerLimits = { bodyBytesMax: 1_000_000 };

export interface TestServer extends AsyncDisposable {
  readonly server: Server;
  readonly url: string;
  readonly records: RequestRecord[];
  readonly errors: unknown[];
  open(): RawClient;
}

/** Answers at once, with what was asked for in `n`. */
export const SYNC_ROUTE: Route = {
  method: "GET",
  path: "/sync",
  handle: (request) => ({ status: 200, body: `"${request.query.get("n") ?? "ok"}"` }),
};

export async function startTestServer(
  transport: Transport,
  routes: readonly Route[],
  socketRoutes: readonly SocketRoute[] = [],
  limits: Partial<ServerLimits> = {},
  crossOrigin: CrossOrigin | null = null,
): Promise<TestServer> {
  const records: RequestRecord[] = [];
  const errors: unknown[] = [];
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    useNodeTransport: transport === "node",
    routes,
    socketRoutes,
    limits: { ...LIMITS, ...limits },
    crossOrigin,
    renderProblem: problemReply,
    onRequest: (record) => records.push(record),
    logError: (error) => errors.push(error),
  });
  return {
    server,
    url: `http://${server.address}`,
    records,
    errors,
    open: () => new RawClient(server.port),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A raw TCP connection that keeps what it receives. */
export class RawClient {
  readonly socket: TcpSocket;
  received = "";
  isClosed = false;
  private changed: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" });
    this.socket.on("data", (chunk) => {
      this.received += chunk.toString("latin1");
      this.changed();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isClosed = true;
      this.changed();
    });
  }

  write(payload: string | Uint8Array): this {
    this.socket.write(payload);
    return this;
  }

  /** Resolves once `condition` holds over what was received; rejects with it after `timeoutMs`. */
  until(condition: (received: string) => boolean, timeoutMs = PATIENCE_MS): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`received only: ${this.received.slice(0, 500)}`)), timeoutMs);
      this.changed = () => {
        if (!condition(this.received)) return;
        clearTimeout(timer);
        resolve(this.received);
      };
      this.changed();
    });
  }

  closed(timeoutMs = PATIENCE_MS): Promise<string> {
    return this.until(() => this.isClosed, timeoutMs);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

export function head(method: string, path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ host: "test", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

export async function eventually(condition: () => boolean, timeoutMs = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never held: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A promise and the function that settles it (Node 20 has no `Promise.withResolvers`). */
export function gate<T>(): { readonly promise: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Everything a handler saw, read after an await so that nothing native can be behind it. */
export async function describeRequest(request: HttpRequest) {
  await sleep(1);
  return {
    status: 200,
    body: JSON.stringify({
      method: request.method,
      path: request.path,
      params: request.params,
      query: [...request.query],
      dup: request.header("X-Dup"),
      missing: request.header("x-missing") ?? null,
      remoteAddress: request.remoteAddress,
      requestId: request.requestId,
      body: Buffer.from(request.body).toString(),
    }),
  };
}

export const JSON_TYPE = { "content-type": "application/json" };

/** The whole of a reply that announces the end of its connection. */
export function isRefused(received: string): boolean {
  const [head = "", body] = received.split("\r\n\r\n");
  return /connection: close/i.test(head) && body?.length === Number(/content-length: (\d+)/i.exec(head)?.[1]);
}

export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as Record<string, unknown>;
}
