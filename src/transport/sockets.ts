import { Exchange, type ExchangeContext } from "./exchange.js";
import type { Socket, SocketHandler, SocketRoute, UpgradeRequest } from "./http.js";
import { upgradeRequired } from "./http-routes.js";
import { Liveness } from "./liveness.js";
import type { NativeApp, NativeRequest, NativeResponse, NativeSocket } from "./native.js";

/**
 * WebSocket routes: the handler accepts or refuses before the upgrade, then sends text frames. Client messages are not
 * part of any protocol here: they are bounded, ignored, and only prove that the peer lives.
 */
export interface SocketLimits {
  readonly socketMessageBytesMax: number;
  readonly socketBufferBytesMax: number;
  readonly pingIntervalS: number;
}

export interface SocketContext extends ExchangeContext {
  readonly limits: SocketLimits;
  readonly openSockets: Set<OpenSocket>;
}

interface Attachment {
  readonly socket: OpenSocket;
}

const NO_COMPRESSION = 0;
const NO_IDLE_TIMEOUT = 0;

/** How often each socket is looked at, in parts of its ping interval. */
const LOOKS_PER_INTERVAL = 4;
const ABNORMAL_CLOSURE = 1006;
const INTERNAL_FAILURE = 1011;

export function mountSocketRoute(app: NativeApp, route: SocketRoute, context: SocketContext): void {
  app.ws<Attachment>(route.path, {
    compression: NO_COMPRESSION,
    maxPayloadLength: context.limits.socketMessageBytesMax,
    maxBackpressure: context.limits.socketBufferBytesMax,
    // The library's own timeout sees progress only when the kernel frees a large part of its buffer: it would cut a slow
    // reader. `Liveness` judges instead.
    idleTimeout: NO_IDLE_TIMEOUT,
    sendPingsAutomatically: false,
    upgrade: (res, req, nativeContext) => void upgrade(context, route, res, req, nativeContext),
    open: (native) => native.getUserData().socket.attach(native),
    drain: (native) => native.getUserData().socket.drained(),
    message: (native) => native.getUserData().socket.heard(),
    ping: (native) => native.getUserData().socket.heard(),
    pong: (native) => native.getUserData().socket.answered(),
    close: (native, code, reason) => native.getUserData().socket.detach(code, Buffer.from(reason).toString()),
  });
}

async function upgrade(
  context: SocketContext,
  route: SocketRoute,
  res: NativeResponse,
  req: NativeRequest,
  nativeContext: unknown,
): Promise<void> {
  const exchange = new Exchange(res, req, context);
  exchange.route = route.path;
  const { head } = exchange;
  if (head.header("sec-websocket-version") !== "13") {
    const { error, headers } = upgradeRequired();
    exchange.refuse(error, { headers });
    return;
  }
  const request = upgradeRequest(exchange);
  let handler: SocketHandler;
  try {
    handler = await route.accept(request);
  } catch (error) {
    return exchange.refuse(error);
  }
  const socket = new OpenSocket(handler, head.requestId, context);
  if (!exchange.isOpen) return socket.detach(ABNORMAL_CLOSURE, "The client left before the upgrade");
  const protocol = handler.protocol ?? "";
  if (protocol !== "" && !request.protocols.includes(protocol)) {
    socket.detach(ABNORMAL_CLOSURE, "Refused before the upgrade");
    return exchange.refuse(new Error(`Subprotocol ${protocol} was not offered by the client`));
  }
  const key = head.header("sec-websocket-key") ?? "";
  exchange.upgraded();
  res.cork(() => {
    res.writeStatus("101 Switching Protocols").writeHeader("x-request-id", head.requestId);
    res.upgrade<Attachment>({ socket }, key, protocol, "", nativeContext);
  });
}

function upgradeRequest(exchange: Exchange): UpgradeRequest {
  const { head } = exchange;
  const offered = head.header("sec-websocket-protocol") ?? "";
  return {
    path: head.path,
    get query() {
      return head.query;
    },
    header: (name) => head.header(name),
    remoteAddress: exchange.remoteAddress,
    requestId: head.requestId,
    protocols: offered
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  };
}

/** A handler's socket, before, during and after the native one exists. Faults of the handler end only this socket. */
export class OpenSocket implements Socket {
  private native: NativeSocket<Attachment> | null = null;
  private readonly liveness: Liveness;
  private look: NodeJS.Timeout | undefined;
  /** False only where nothing is buffered: asking the native library before each of many frames costs as much as sending one. */
  private mayHaveBacklog = false;
  private isDrainNoted = false;

  constructor(
    private readonly handler: SocketHandler,
    private readonly requestId: string,
    private readonly context: SocketContext,
  ) {
    this.liveness = new Liveness(context.limits.pingIntervalS * 1000, performance.now());
  }

  send(frame: Uint8Array): boolean {
    if (this.native === null) return false;
    const result = this.native.send(frame, false);
    if (result === DROPPED) return false;
    if (result === BACKLOG) this.mayHaveBacklog = true;
    this.liveness.sent(frame.length);
    return true;
  }

  corked(work: () => void): void {
    if (this.native === null) work();
    else this.native.cork(work);
    // What was corked is written only now.
    this.mayHaveBacklog = true;
  }

  bufferedBytes(): number {
    if (this.native === null || !this.mayHaveBacklog) return 0;
    const bytes = this.native.getBufferedAmount();
    this.mayHaveBacklog = bytes > 0;
    return bytes;
  }

  end(code: number, reason: string): void {
    this.native?.end(code, reason);
  }

  terminate(): void {
    this.native?.close();
  }

  attach(native: NativeSocket<Attachment>): void {
    this.native = native;
    this.context.openSockets.add(this);
    const everyMs = (this.context.limits.pingIntervalS * 1000) / LOOKS_PER_INTERVAL;
    this.look = setInterval(() => this.checkAlive(), everyMs).unref();
    this.guarded(() => this.handler.opened(this));
  }

  /**
   * Told in the next turn of the event loop: of a large frame that is cut off inside the native callback the library sends no
   * more, because it stops watching the socket when the callback returns.
   */
  drained(): void {
    if (this.isDrainNoted) return;
    this.isDrainNoted = true;
    setImmediate(() => {
      this.isDrainNoted = false;
      if (this.native !== null) this.guarded(() => this.handler.drained());
    });
  }

  heard(): void {
    this.liveness.sign(performance.now());
  }

  answered(): void {
    this.liveness.pong(performance.now());
  }

  /** The native socket is gone; also called for a handler whose socket never came to be. */
  detach(code: number, reason: string): void {
    this.native = null;
    clearInterval(this.look);
    this.context.openSockets.delete(this);
    this.guarded(() => this.handler.closed(code, reason));
  }

  private checkAlive(): void {
    const verdict = this.liveness.judge(performance.now());
    if (verdict === "ping") this.native?.ping();
    else if (verdict === "dead") this.terminate();
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.context.logError(error, this.requestId);
      this.end(INTERNAL_FAILURE, "Internal server error");
    }
  }
}

/** What the native send returns for a frame that waits, and for one over the backlog bound. */
const BACKLOG = 0;
const DROPPED = 2;
