import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { NativeRequest, NativeResponse, NativeSocket, NativeSocketBehavior } from "./native.js";

/** One WebSocket path of the Node transport: handshake and bounded sending with the native rules. */

export interface UpgradeParts {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  /** Stops watching the socket: to be called before somebody else reads it. */
  release(): void;
}

/** Send results of the native interface. */
const BACKLOG = 0;
const SENT = 1;
const DROPPED = 2;

export class NodeSocketRoute {
  private readonly sockets = new Set<NodeSocket>();
  private readonly server: WebSocketServer;
  /** Read by the handshake that `open` runs, which is synchronous. */
  private protocol = "";
  private headers: readonly string[] = [];

  constructor(private readonly behavior: NativeSocketBehavior<unknown>) {
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: behavior.maxPayloadLength,
      handleProtocols: () => (this.protocol === "" ? false : this.protocol),
    });
    this.server.on("headers", (lines) => lines.push(...this.headers));
  }

  offer(res: NativeResponse, req: NativeRequest, parts: UpgradeParts): void {
    this.behavior.upgrade(res, req, parts);
  }

  open(parts: UpgradeParts, userData: unknown, protocol: string, headers: readonly string[]): void {
    this.protocol = protocol;
    this.headers = headers;
    const { req, socket: stream, head } = parts;
    // Judged already, and less strictly: ws gets what it was agreed on.
    req.headers.upgrade = "websocket";
    if (protocol === "") delete req.headers["sec-websocket-protocol"];
    else req.headers["sec-websocket-protocol"] = protocol;
    let isOpen = false;
    this.server.handleUpgrade(req, stream, head, (client) => {
      isOpen = true;
      const socket = new NodeSocket(client, stream, userData, this.behavior, () => this.sockets.delete(socket));
      this.sockets.add(socket);
      this.behavior.open(socket);
    });
    // It refuses without a word to us, for one a client that has gone in this moment.
    if (!isOpen) this.behavior.close({ getUserData: () => userData }, 1006, new ArrayBuffer(0));
  }

  close(): void {
    for (const socket of [...this.sockets]) socket.close();
    this.server.close();
  }
}

class NodeSocket implements NativeSocket<unknown> {
  private isClosed = false;
  private hasBacklog = false;

  constructor(
    private readonly client: WebSocket,
    private readonly stream: Socket,
    private readonly userData: unknown,
    private readonly behavior: NativeSocketBehavior<unknown>,
    private readonly gone: () => void,
  ) {
    client.on("message", () => behavior.message(this));
    client.on("ping", () => behavior.ping(this));
    client.on("pong", () => behavior.pong(this));
    // A close event follows each error.
    client.on("error", () => {});
    client.on("close", (code, reason) => this.finish(code, reason));
  }

  getUserData(): unknown {
    return this.userData;
  }

  getBufferedAmount(): number {
    return this.client.bufferedAmount;
  }

  send(message: Uint8Array, isBinary: boolean): number {
    if (this.client.bufferedAmount > this.behavior.maxBackpressure) return DROPPED;
    // ws keeps the bytes it is given until they are written; the native library copies them.
    this.client.send(Buffer.from(message), { binary: isBinary }, () => this.written());
    this.hasBacklog ||= this.client.bufferedAmount > 0;
    return this.client.bufferedAmount > 0 ? BACKLOG : SENT;
  }

  cork(work: () => void): void {
    this.stream.cork();
    work();
    this.stream.uncork();
  }

  ping(): void {
    this.client.ping();
  }

  end(code: number, reason: string): void {
    this.client.close(code, reason);
    this.finish(code, Buffer.from(reason));
  }

  close(): void {
    this.client.terminate();
    this.finish(1006, Buffer.alloc(0));
  }

  private written(): void {
    if (this.isClosed || !this.hasBacklog || this.client.bufferedAmount > 0) return;
    this.hasBacklog = false;
    this.behavior.drain(this);
  }

  /** Like the native library: the close callback runs at once, and once. */
  private finish(code: number, reason: Buffer): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.gone();
    this.behavior.close(this, code, new Uint8Array(reason).buffer);
  }
}
