import { type AddressInfo, createServer } from "node:net";
import { BodyBudget } from "./body-budget.js";
import type { CrossOrigin } from "./cross-origin.js";
import { EqualTimeouts } from "./equal-timeouts.js";
import type { HttpReply, RequestRecord, Route, SocketRoute } from "./http.js";
import { type HttpContext, handleHttp } from "./http-routes.js";
import { createNativeApp, hasNativeTransport, type NativeApp, type NativeListener } from "./native.js";
import { PendingReplies } from "./pending-replies.js";
import { Router } from "./router.js";
import { mountSocketRoute, type OpenSocket, type SocketContext } from "./sockets.js";

/**
 * One listening address with its HTTP and WebSocket routes. Everything a client can make grow has a bound in
 * `ServerLimits`.
 */
export interface ServerLimits {
  /** Largest request body, bytes; 413 above. */
  readonly bodyBytesMax: number;
  /** Bodies held at once over all connections, bytes; 429 above, for a flow above its share. Default 256 MiB, at least `bodyBytesMax`. */
  readonly bodyBytesInFlightMax?: number;
  /** Replies that clients have yet to take, bytes; above, who has waited longest is cut off. Default 256 MiB. */
  readonly replyBytesInFlightMax?: number;
  /**
   * A body that brings less than 16 KiB/s over this long gets 504. Default 7 s: the native library drops slower ones
   * without a reply after 8 to 12 s, so a larger value never takes effect.
   */
  readonly bodyTimeoutMs?: number;
  /** Largest message a WebSocket client may send, bytes; its connection is closed above. Default 4 KiB. */
  readonly socketMessageBytesMax?: number;
  /** Backlog of one WebSocket at which `send` refuses, bytes; one frame may exceed it. Default 8 MiB. */
  readonly socketBufferBytesMax?: number;
  /** Seconds of silence after which a WebSocket counts as dead; pings go out before. 8 to 960, default 120. */
  readonly pingIntervalS?: number;
}

export interface ServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly routes: readonly Route[];
  readonly socketRoutes: readonly SocketRoute[];
  readonly limits: ServerLimits;
  /** Left out = pages of other origins read nothing. */
  readonly crossOrigin?: CrossOrigin | null;
  /** Refuse to start where the native library did not load. */
  readonly requireNativeTransport?: boolean;
  /** Serve through node:http although the native library loaded. */
  readonly useNodeTransport?: boolean;
  /** Must not throw. */
  renderProblem(error: unknown, requestId: string): HttpReply;
  /** After each request, also refused and aborted ones. Must not throw. */
  onRequest?(record: RequestRecord): void;
  /** Errors that are not refusals. Must not throw. */
  logError(error: unknown, requestId: string): void;
}

export interface Server extends AsyncDisposable {
  readonly port: number;
  /** `host:port` as listened on, for example `127.0.0.1:8080` or `[::]:8080`. */
  readonly address: string;
  /** Closes the listener only: open connections stay and their requests still reach the handlers. Safe to repeat. */
  stopAccepting(): void;
  /** From now on each reply closes its connection. Connections without a request close within 12 s, or on dispose. */
  closeAfterReplies(): void;
  /** Requests received and not yet answered. */
  openRequests(): number;
  openSockets(): number;
}

const GOING_AWAY = 1001;

/** Listens, or rejects with the host, the port and the reason. Throws on routes and limits that cannot work. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const isNative = hasNativeTransport && options.useNodeTransport !== true;
  if (options.requireNativeTransport === true && !isNative) {
    const system = `Node ${process.version} on ${process.platform}-${process.arch}`;
    throw new Error(`The native transport is required, but uWebSockets.js is not running natively on ${system}`);
  }
  const context = createContext(options);
  const app = isNative ? createNativeApp() : await createNodeApp();
  for (const route of options.socketRoutes) mountSocketRoute(app, route, context);
  app.any("/*", (res, req) => handleHttp(context, res, req));
  const listener = await listen(app, options.host, options.port);
  return new RunningServer(options.host, app, listener, context);
}

/** Loaded only where it serves: with node:http's client side and ws it would cost every start some 3 MB. */
async function createNodeApp(): Promise<NativeApp> {
  const { NodeApp } = await import("./node-app.js");
  return new NodeApp();
}

type ServerContext = HttpContext & SocketContext;

function createContext(options: ServerOptions): ServerContext {
  const limits = {
    bodyBytesInFlightMax: Math.max(256 * 1024 * 1024, options.limits.bodyBytesMax),
    replyBytesInFlightMax: 256 * 1024 * 1024,
    bodyTimeoutMs: 7_000,
    socketMessageBytesMax: 4 * 1024,
    socketBufferBytesMax: 8 * 1024 * 1024,
    pingIntervalS: 120,
    ...options.limits,
  };
  if (!(limits.pingIntervalS >= 8 && limits.pingIntervalS <= 960))
    throw new RangeError("pingIntervalS must be 8 to 960");
  if (limits.bodyBytesInFlightMax < limits.bodyBytesMax) {
    throw new RangeError("bodyBytesInFlightMax must be at least bodyBytesMax");
  }
  return {
    limits,
    router: new Router(options.routes),
    socketPaths: new Set(options.socketRoutes.map((route) => route.path)),
    budget: new BodyBudget(limits.bodyBytesInFlightMax),
    bodyTimeouts: new EqualTimeouts(limits.bodyTimeoutMs),
    crossOrigin: options.crossOrigin ?? null,
    openExchanges: 0,
    pendingReplies: new PendingReplies(limits.replyBytesInFlightMax),
    openSockets: new Set<OpenSocket>(),
    isClosingAfterReplies: false,
    renderProblem: (error, requestId) => options.renderProblem(error, requestId),
    onRequest: (record) => options.onRequest?.(record),
    logError: (error, requestId) => options.logError(error, requestId),
  };
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has this port",
  EADDRNOTAVAIL: "no such address on this machine",
  EACCES: "this user may not have this port",
  ENOTFOUND: "no host has this name",
};

async function listen(app: NativeApp, host: string, port: number): Promise<NativeListener> {
  const available = await tryPort(host, port);
  const listener =
    typeof available === "string"
      ? null
      : await new Promise<NativeListener | null>((bound) => app.bind(host, available, bound));
  if (listener !== null) return listener;
  const reason = typeof available === "string" ? available : "taken in the same moment";
  const meaning = LISTEN_ERRORS[reason];
  throw new Error(
    `Cannot listen on ${addressText(host, port)}: ${reason}${meaning === undefined ? "" : `, ${meaning}`}`,
  );
}

/**
 * The port to bind, or why there is none. The native library shares a port with any other program of the same user, or,
 * asked not to, leaves it unusable for a minute after a restart: it then omits SO_REUSEADDR, as it does for port 0. So
 * Node tries the address first, with that option and without sharing. Two servers starting in the same instant may both
 * pass: the lock of their store keeps them apart.
 */
function tryPort(host: string, port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => {
      const { port: actual } = probe.address() as AddressInfo;
      probe.close(() => resolve(actual));
    });
  });
}

function addressText(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

class RunningServer implements Server {
  readonly port: number;
  readonly address: string;
  private isAccepting = true;

  constructor(
    host: string,
    private readonly app: NativeApp,
    private readonly listener: NativeListener,
    private readonly context: ServerContext,
  ) {
    this.port = listener.port;
    this.address = addressText(host, listener.port);
  }

  stopAccepting(): void {
    if (this.isAccepting) this.listener.close();
    this.isAccepting = false;
  }

  closeAfterReplies(): void {
    this.context.isClosingAfterReplies = true;
  }

  openRequests(): number {
    return this.context.openExchanges;
  }

  openSockets(): number {
    return this.context.openSockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopAccepting();
    for (const socket of [...this.context.openSockets]) socket.end(GOING_AWAY, "Server stopped");
    this.app.close();
  }
}
