import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { NativeApp, NativeListener, NativeRequest, NativeResponse, NativeSocketBehavior } from "./native.js";
import { NodeSocketRoute, type UpgradeParts } from "./node-socket.js";

/**
 * The same transport on node:http and ws, for Node versions without a native binary: several times slower, equal in
 * behaviour. It speaks the native interface, so everything above it is shared.
 */

/** The native library's own bound on idle connections, slow request heads and readers that take nothing. */
const IDLE_TIMEOUT_MS = 10_000;
/** How often Node looks for the first two; 30 s by default. */
const IDLE_CHECK_MS = 1_000;

/** What one `write` hands to the socket: small enough that a slow reader leaves little behind. */
const WRITE_BYTES = 64 * 1024;

type Handler = (res: NativeResponse, req: NativeRequest) => void;

export class NodeApp implements NativeApp {
  private readonly server: Server = createServer({ connectionsCheckingInterval: IDLE_CHECK_MS }, (req, res) =>
    this.serve(req, res),
  );
  private readonly socketRoutes = new Map<string, NodeSocketRoute>();
  /** Of each connection. */
  private readonly latest = new WeakMap<Socket, NodeResponse>();
  private handler: Handler | null = null;

  constructor() {
    this.server.keepAliveTimeout = IDLE_TIMEOUT_MS;
    this.server.headersTimeout = IDLE_TIMEOUT_MS;
    // Bodies have their own deadline, which ends in a reply.
    this.server.requestTimeout = 0;
    // Whatever it is, the native library does not look at it either.
    this.server.on("checkExpectation", (req, res) => this.serve(req, res));
    this.server.on("upgrade", (req, socket, head) => this.serveUpgrade(req, socket as Socket, head));
    this.server.on("clientError", (error, socket) => this.refuseBytes(error, socket as Socket));
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
    const before = this.latest.get(req.socket);
    if (before?.isAnswered === false) {
      // It must not run beside one that may write (RFC 9112 section 9.3.2).
      before.closeAfterReply();
      req.resume();
      return;
    }
    const response = new NodeResponse(req, res);
    this.latest.set(req.socket, response);
    this.handler?.(response, new NodeRequest(req));
    // A body nobody listens to is skipped, so that the next request can be read.
    if (req.listenerCount("data") === 0) req.resume();
  }

  /** What came is no HTTP. Behind a request that is being worked on, a refusal would pass for the answer to that. */
  private refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
    const before = this.latest.get(socket);
    if (before?.isWorkedOn === true) {
      before.closeAfterReply();
      return;
    }
    const status = STATUS_OF_ERROR[error.code ?? ""] ?? 400;
    if (socket.writable) {
      socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
    socket.destroySoon();
  }

  /** Node hands over every request with an Upgrade header, also those that merely offer another protocol. */
  private serveUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const before = this.latest.get(socket);
    if (before?.isAnswered === false) before.closeAfterReply();
    else if (before?.isSent === false) before.onceSent(() => this.serveUpgrade(req, socket, head));
    else {
      const route = this.socketRoutes.get(new NodeRequest(req).getUrl());
      if (route !== undefined && isWebSocket(req)) offerSocket(route, { req, socket, head });
      else this.serveAgain(req, socket, head);
    }
  }

  /**
   * Node reads no body behind an Upgrade header, and clients offer HTTP/2 with their first POST: the connection starts again
   * with the same request, without the offer.
   */
  private serveAgain(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const { rawHeaders } = req;
    const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      if (!/^(?:upgrade|http2-settings)$/i.test(rawHeaders[i]!)) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
    }
    socket.setTimeout(0);
    socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
    this.server.emit("connection", socket);
  }
}

function offerSocket(route: NodeSocketRoute, { req, socket, head }: Omit<UpgradeParts, "release">): void {
  socket.on("error", () => socket.destroy());
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  try {
    res.assignSocket(socket);
  } catch {
    // Behind a refusal of Node's own that is still on its way.
    socket.destroy();
    return;
  }
  res.once("finish", () => socket.end());
  const release = endWhenPeerEnds(socket);
  route.offer(new NodeResponse(req, res, route), new NodeRequest(req), { req, socket, head, release });
}

/** Of Node's own refusals, those that are not a 400. */
const STATUS_OF_ERROR: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

function isWebSocket({ method, headers }: IncomingMessage): boolean {
  if (method !== "GET" || !WEB_SOCKET_KEY.test(headers["sec-websocket-key"] ?? "")) return false;
  return (headers.upgrade ?? "").split(",").some((name) => name.trim().toLowerCase() === "websocket");
}

/**
 * Notices that the client left while nobody reads the socket yet, and leaves what it sends to the reader to come. Returns
 * how to stop.
 */
function endWhenPeerEnds(socket: Socket): () => void {
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
  /** The connection may have another response. */
  isSent = false;
  private isEnded = false;
  private isLast = false;
  private aborted: (() => void) | null = null;
  private writable: ((offset: number) => boolean) | null = null;

  constructor(
    private readonly req: IncomingMessage,
    private readonly res: ServerResponse,
    private readonly socketRoute: NodeSocketRoute | null = null,
  ) {
    this.onceSent(() => {
      this.isSent = true;
    });
  }

  /** All of the reply was handed over. */
  get isAnswered(): boolean {
    return this.isEnded;
  }

  /** The request was read to its end, or a reply to it began that is not all handed over. */
  get isWorkedOn(): boolean {
    return !this.isEnded && (this.req.complete || this.res.headersSent);
  }

  onceSent(act: () => void): void {
    this.res.once("finish", act);
  }

  /** Nothing that came behind this request is answered: its reply says so, if it can still be said. Safe to repeat. */
  closeAfterReply(): void {
    if (this.isLast) return;
    this.isLast = true;
    if (!this.res.headersSent) this.res.setHeader("connection", "close");
    // What is left in the connection is not even read.
    this.req.socket.pause();
    this.onceSent(() => this.req.socket.destroySoon());
  }

  writeStatus(head: string): this {
    const headEnd = head.indexOf("\r\n\r\n");
    const [status, ...lines] = (headEnd === -1 ? head : head.slice(0, headEnd)).split("\r\n");
    this.res.statusCode = Number.parseInt(status!, 10);
    for (const line of lines) {
      const colon = line.indexOf(": ");
      this.res.setHeader(line.slice(0, colon), line.slice(colon + 2));
    }
    if (headEnd !== -1) this.res.write(`${head.slice(headEnd + 4)}\r\n`);
    return this;
  }

  writeHeader(name: string, value: string): this {
    this.res.setHeader(name, value);
    return this;
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

  /** Like the native library: the piece that completes a declared length is the last one. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): void {
    const declared = Number(this.req.headers["content-length"] ?? Number.NaN);
    let received = 0;
    this.req.on("data", (chunk: Buffer) => {
      received += chunk.byteLength;
      handler(new Uint8Array(chunk).buffer, received === declared);
    });
    this.req.once("end", () => {
      if (received !== declared) handler(new ArrayBuffer(0), true);
    });
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
