import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import type { Duplex } from "node:stream";
import type { NativeApp, NativeListener, NativeRequest, NativeResponse, NativeSocketBehavior } from "./native.js";
import { NodeSocketRoute, type UpgradeParts } from "./node-socket.js";

/**
 * The same transport on node:http and ws, for Node versions without a native binary: several times slower, equal in
 * behaviour. It speaks the native interface, so everything above it is shared.
 */

/** The native library's own bound on idle connections, slow request heads and readers that take nothing. */
const IDLE_TIMEOUT_MS = 10_000;

/** What one `write` hands to the socket: small enough that a slow reader leaves little behind. */
const WRITE_BYTES = 64 * 1024;

type Handler = (res: NativeResponse, req: NativeRequest) => void;

export class NodeApp implements NativeApp {
  private readonly server: Server = createServer((req, res) => this.serve(req, res));
  private readonly socketRoutes = new Map<string, NodeSocketRoute>();
  private handler: Handler | null = null;

  constructor() {
    this.server.keepAliveTimeout = IDLE_TIMEOUT_MS;
    this.server.headersTimeout = IDLE_TIMEOUT_MS;
    // Bodies have their own deadline, which ends in a reply.
    this.server.requestTimeout = 0;
    // One listener per pipelined request.
    this.server.on("connection", (socket) => socket.setMaxListeners(0));
    this.server.on("upgrade", (req, socket, head) => this.serveUpgrade(req, socket, head));
  }

  any(_pattern: string, handler: Handler): void {
    this.handler = handler;
  }

  ws<T>(path: string, behavior: NativeSocketBehavior<T>): void {
    this.socketRoutes.set(path, new NodeSocketRoute(behavior as NativeSocketBehavior<unknown>));
  }

  bind(host: string, port: number, bound: (listener: NativeListener | null) => void): void {
    const { server } = this;
    server.once("error", () => bound(null));
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners("error");
      // The close of node:http would also close idle connections.
      const close = () => void NetServer.prototype.close.call(server);
      bound({ port: (server.address() as AddressInfo).port, close });
    });
  }

  close(): void {
    for (const route of this.socketRoutes.values()) route.close();
    this.server.close();
    this.server.closeAllConnections();
  }

  private serve(req: IncomingMessage, res: ServerResponse): void {
    this.handler?.(new NodeResponse(req, res), new NodeRequest(req));
    // A body nobody listens to is skipped, so that the next request can be read.
    if (req.listenerCount("data") === 0) req.resume();
  }

  /** Node hands over every request with an Upgrade header, also those that merely offer another protocol. */
  private serveUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    try {
      res.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
    } catch {
      // Pipelined behind a request that has no reply yet: the native library closes here too.
      socket.destroy();
      return;
    }
    res.once("finish", () => socket.end());
    const release = endWhenPeerEnds(socket);
    const request = new NodeRequest(req);
    const route = this.socketRoutes.get(request.getUrl());
    const isWebSocket = req.method === "GET" && WEB_SOCKET_KEY.test(req.headers["sec-websocket-key"] ?? "");
    if (route !== undefined && isWebSocket)
      route.offer(new NodeResponse(req, res, route), request, {
        req,
        socket,
        head,
        release,
      });
    else this.handler?.(new NodeResponse(req, res), request);
  }
}

/**
 * Notices that the client left while nobody reads the socket yet, and leaves what it sends to the reader to come. Returns
 * how to stop.
 */
function endWhenPeerEnds(socket: Duplex): () => void {
  const peek = () => void socket.read(0);
  const end = () => void socket.destroy();
  socket.on("readable", peek).once("end", end);
  return () => void socket.off("readable", peek).off("end", end);
}

const WEB_SOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/;

class NodeRequest implements NativeRequest {
  private readonly url: string;
  private readonly queryAt: number;

  constructor(private readonly req: IncomingMessage) {
    this.url = req.url ?? "/";
    this.queryAt = this.url.indexOf("?");
  }

  getUrl(): string {
    return this.queryAt === -1 ? this.url : this.url.slice(0, this.queryAt);
  }

  getQuery(): string {
    return this.queryAt === -1 ? "" : this.url.slice(this.queryAt + 1);
  }

  getMethod(): string {
    return (this.req.method ?? "").toLowerCase();
  }

  forEach(visit: (name: string, value: string) => void): void {
    const { rawHeaders } = this.req;
    for (let i = 0; i < rawHeaders.length; i += 2) visit(rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!);
  }
}

class NodeResponse implements NativeResponse {
  private offset = 0;
  private isEnded = false;
  private aborted: (() => void) | null = null;
  private writable: ((offset: number) => boolean) | null = null;

  constructor(
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly socketRoute: NodeSocketRoute | null = null,
  ) {}

  writeStatus(head: string): this {
    const [status, ...lines] = head.split("\r\n");
    this.res.statusCode = Number.parseInt(status!, 10);
    for (const line of lines) {
      const colon = line.indexOf(": ");
      this.res.setHeader(line.slice(0, colon), line.slice(colon + 2));
    }
    return this;
  }

  writeHeader(name: string, value: string): this {
    this.res.setHeader(name, value);
    return this;
  }

  write(chunk: string | Uint8Array): void {
    this.res.write(chunk);
  }

  end(body: string | Uint8Array, closeConnection = false): void {
    this.ended();
    if (!this.res.headersSent) {
      if (!this.res.hasHeader("content-length")) this.res.setHeader("content-length", Buffer.byteLength(body));
      if (closeConnection) this.res.setHeader("connection", "close");
    }
    this.res.end(body);
  }

  endWithoutBody(): void {
    this.ended();
    this.res.end();
  }

  /** The socket: a request that was read to its end takes nothing with it. */
  close(): void {
    this.req.socket.destroy();
  }

  /** Of a small body, or none, Node keeps what waits, and reads no request of the connection meanwhile. */
  tryEnd(body: string | Uint8Array, totalBytes: number): [boolean, boolean] {
    if (!this.res.headersSent && (totalBytes <= WRITE_BYTES || body.length === 0)) {
      this.res.setHeader("content-length", totalBytes);
      this.end(body);
      return [true, true];
    }
    const chunk = typeof body === "string" ? Buffer.from(body) : body;
    if (!this.res.headersSent) {
      this.res.setHeader("content-length", totalBytes);
      this.res.setTimeout(IDLE_TIMEOUT_MS, () => this.close());
    }
    let taken = 0;
    let hasRoom = true;
    while (hasRoom && taken < chunk.byteLength) {
      const slice = chunk.subarray(taken, taken + WRITE_BYTES);
      hasRoom = this.res.write(slice);
      taken += slice.byteLength;
    }
    this.offset += taken;
    if (this.offset === totalBytes) this.end("");
    else this.res.once("drain", () => this.writable?.(this.offset));
    return [taken === chunk.byteLength, this.isEnded];
  }

  onWritable(handler: (offset: number) => boolean): void {
    this.writable = handler;
  }

  /** The socket tells, not the response: one that waits behind a pipelined request has no close event. */
  onAborted(handler: () => void): void {
    this.aborted = handler;
    this.req.socket.once("close", handler);
  }

  private ended(): void {
    this.isEnded = true;
    if (this.aborted !== null) this.req.socket.off("close", this.aborted);
  }

  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): void {
    this.req.on("data", (chunk: Buffer) => handler(new Uint8Array(chunk).buffer, false));
    this.req.once("end", () => handler(new ArrayBuffer(0), true));
  }

  /** Node joins head and body by itself; a corked socket would not survive an upgrade. */
  cork(work: () => void): void {
    work();
  }

  getRemoteAddressAsText(): ArrayBuffer {
    const text = (this.req.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
    return new TextEncoder().encode(text).buffer;
  }

  upgrade<T>(userData: T, _key: string, protocol: string, _extensions: string, context: unknown): void {
    this.ended();
    const parts = context as UpgradeParts;
    parts.release();
    this.res.detachSocket(parts.socket as Parameters<ServerResponse["detachSocket"]>[0]);
    const headers = Object.entries(this.res.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
    this.socketRoute?.open(parts, userData, protocol, headers);
  }
}
