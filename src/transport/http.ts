/**
 * What the rest of the service sees of HTTP and WebSocket: plain values and callbacks, nothing of the native library.
 * Handlers get copies they may keep; whatever they throw becomes a problem reply.
 */

export interface HttpRequest {
  /** Upper case. A HEAD request that a GET route answers says "HEAD" here. */
  readonly method: string;
  /** Raw path without the query, never decoded. */
  readonly path: string;
  /** Percent-decoded values of the `{name}` segments of the route. */
  readonly params: Readonly<Record<string, string>>;
  /** Parsed on first use, which throws INVALID_FIELD_VALUE for one that is not valid percent-encoding of UTF-8. */
  readonly query: URLSearchParams;
  /** Case does not matter. A header sent several times is joined with ", ". Usable after the handler has awaited. */
  header(name: string): string | undefined;
  /**
   * Peer address as text: dotted IPv4 (also for IPv4-mapped IPv6), otherwise IPv6. Empty when the client had left before
   * it was first read: read it before the handler awaits.
   */
  readonly remoteAddress: string;
  readonly requestId: string;
  /** The whole body, owned by the handler; a small one shares its ArrayBuffer. Empty on a route that declares none. */
  readonly body: Uint8Array;
}

export interface HttpReply {
  readonly status: number;
  /** Names in lower case, `x-request-id` not among them. A reply without `content-type` is sent as `application/json`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is; text as UTF-8. Must not change after it was returned. */
  readonly body: string | Uint8Array;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `/api/v1/agent-keys/{key_id}`: a parameter is always a whole segment. */
  readonly path: string;
  /** "json": the request must say so in its content type, and the handler is called with the complete body. */
  readonly body?: "json";
  /**
   * Asked, without a body, when a body turns out to come in parts: what it throws refuses the request before the rest is read and
   * held. Gives the flow whose share of the room for bodies is taken. The handler asks again, when the body is complete.
   */
  admit?(request: HttpRequest): string | Promise<string>;
  handle(request: HttpRequest): HttpReply | Promise<HttpReply>;
}

export interface UpgradeRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  readonly remoteAddress: string;
  readonly requestId: string;
  /** Subprotocols the client offers, in its order of preference. */
  readonly protocols: readonly string[];
}

export interface SocketRoute {
  /** Static path, no parameters. */
  readonly path: string;
  /** Called before the upgrade. A `CodedError` thrown here is answered as a problem reply; no socket comes into being. */
  accept(request: UpgradeRequest): SocketHandler | Promise<SocketHandler>;
}

/**
 * One subscriber as the transport sees it. `closed` is called exactly once for every handler that `accept` returned, also
 * when the client went away before the socket opened (then `opened` is never called): release there what `accept` took.
 */
export interface SocketHandler {
  /** Subprotocol to answer with: one of those offered. */
  readonly protocol?: string;
  opened(socket: Socket): void;
  /** Buffered bytes went down: send more if `bufferedBytes()` allows. */
  drained(): void;
  /** 1006 when the peer vanished without a close frame. */
  closed(code: number, reason: string): void;
}

/**
 * Bytes of frames, each with its head, that one corked write takes. What is more costs the native library an allocation and
 * another copy; the system's price of a write hardly depends on its size, so it should be full.
 */
export const CORKED_BYTES_MAX = 16 * 1024 - 1;
/** Of a frame below 64 KiB. */
export const FRAME_HEAD_BYTES = 4;

export interface Socket {
  /**
   * Sends one text message; the bytes must be UTF-8 and are copied before it returns. False when the frame was not taken:
   * the socket is gone, or its backlog is at `socketBufferBytesMax`. Nothing of a refused frame is ever sent.
   */
  send(frame: Uint8Array): boolean;
  /** Runs several sends as one write, if they are not more than `CORKED_BYTES_MAX`. */
  corked(work: () => void): void;
  /** Bytes accepted but not yet taken by the kernel; 0 once the socket is gone. */
  bufferedBytes(): number;
  /** Sends a close frame and closes. `reason`: at most 123 bytes of UTF-8. */
  end(code: number, reason: string): void;
  /** Closes without a close frame. */
  terminate(): void;
}

/** What metrics and access logs learn of one request. */
export interface RequestRecord {
  readonly method: string;
  /** Route pattern, "unmatched" where there is none: never the raw path. */
  readonly route: string;
  /** 101 after an upgrade, 499 when the client left before the whole reply was taken. */
  readonly status: number;
  readonly durationMs: number;
}
