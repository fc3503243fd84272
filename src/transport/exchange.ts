import { CodedError } from "../base/errors.js";
import type { CrossOrigin } from "./cross-origin.js";
import type { HttpReply, RequestRecord } from "./http.js";
import { LingeringClose } from "./lingering-close.js";
import type { NativeRequest, NativeResponse } from "./native.js";
import type { PendingReplies, PendingReply } from "./pending-replies.js";
import { assertHeaders, byteLength, sendReply } from "./reply.js";
import { RequestHead } from "./request-head.js";

/** What an exchange needs of its server. */
export interface ExchangeContext {
  renderProblem(error: unknown, requestId: string): HttpReply;
  onRequest?(record: RequestRecord): void;
  logError(error: unknown, requestId: string): void;
  /** null = pages of other origins read nothing. */
  readonly crossOrigin: CrossOrigin | null;
  /** Exchanges that are not over. A number, not a Set of them: see `base/slots.ts`. */
  openExchanges: number;
  readonly pendingReplies: PendingReplies;
  /** Set while the server drains: each reply then closes its connection. */
  isClosingAfterReplies: boolean;
}

/** Where body bytes go as they arrive. The chunk is detached when it returns. */
export interface BodySink {
  receive(chunk: ArrayBuffer, isLast: boolean): void;
}

export interface BodySource {
  readBody(sink: BodySink): void;
}

/** What an exchange holds for its time, and lets go of however it ends. */
export interface Held {
  abandon(): void;
}

/** Status under which a request counts whose client left before the reply was complete. Never sent. */
const CLIENT_CLOSED_STATUS = 499;

export interface RefusalOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The request body is not going to be read to its end: the connection must close. */
  readonly isBodyUnread?: boolean;
}

/**
 * One request and its single reply. Guards the native response: after the reply was handed over or the client left,
 * nothing reaches it any more, so a handler may return whenever it likes.
 */
export class Exchange implements BodySource, PendingReply {
  readonly head: RequestHead;
  /** Route pattern, never the raw path: metric labels must stay few. */
  route = "unmatched";
  held: Held | undefined;
  /** The reply closes the connection: nothing that came behind the request may be read as another. */
  isLast = false;
  private isReadingBody = false;
  private lingering: LingeringClose | undefined;
  private peer: string | undefined;
  private readonly startedMs = performance.now();
  private state: "open" | "replying" | "over" = "open";

  constructor(
    readonly res: NativeResponse,
    req: NativeRequest,
    private readonly context: ExchangeContext,
  ) {
    this.head = new RequestHead(req);
    context.openExchanges += 1;
    res.onAborted(() => {
      this.lingering?.cancel();
      this.finish(CLIENT_CLOSED_STATUS);
    });
  }

  /** Read on first use: making text of it costs as much as the rest of the head. Empty when first read after the end. */
  get remoteAddress(): string {
    if (this.peer === undefined) {
      if (!this.isOpen) return "";
      this.peer = peerText(this.res);
    }
    return this.peer;
  }

  /** False once a reply began or the client left: the native response must not be touched then. */
  get isOpen(): boolean {
    return this.state === "open";
  }

  /** Throws on headers that cannot be sent; the exchange is still open then. */
  reply(reply: HttpReply): void {
    this.send(reply, false);
  }

  private send(given: HttpReply, isBodyUnread: boolean): void {
    if (!this.isOpen) return;
    const { crossOrigin } = this.context;
    const reply = crossOrigin === null ? given : crossOrigin.answer(this.head, given);
    const isHead = this.head.method === "HEAD";
    const lingers = isBodyUnread && !isHead;
    assertHeaders(reply);
    this.state = "replying";
    const isSent = sendReply(this.res, reply, {
      requestId: this.head.requestId,
      isHead,
      lingers,
      closeConnection: isBodyUnread || this.isLast || this.context.isClosingAfterReplies,
      sent: () => this.finish(reply.status),
    });
    if (!isSent) this.context.pendingReplies.add(this, byteLength(reply.body));
    if (lingers) this.linger();
    else if (isHead && byteLength(reply.body) > 0) this.closeSoon();
  }

  /** Answers with the problem reply of `error`. Errors without a code are also logged. */
  refuse(error: unknown, options: RefusalOptions = {}): void {
    const { requestId } = this.head;
    if (!(error instanceof CodedError)) this.context.logError(error, requestId);
    if (!this.isOpen) return;
    const problem = this.context.renderProblem(error, requestId);
    const reply =
      options.headers === undefined ? problem : { ...problem, headers: { ...problem.headers, ...options.headers } };
    this.send(reply, options.isBodyUnread ?? false);
  }

  /** Gives the request body to `sink` until a reply begins, then throws the rest away. Once per exchange. */
  readBody(sink: BodySink): void {
    this.isReadingBody = true;
    this.res.onData((chunk, isLast) => {
      if (this.isOpen) sink.receive(chunk, isLast);
      else this.lingering?.discarded(isLast);
    });
  }

  private linger(): void {
    this.lingering = new LingeringClose(() => this.res.close());
    if (!this.isReadingBody) this.readBody(NO_SINK);
  }

  /** After a reply to HEAD, which ends nothing. Its client was told to close; one that does not has it done. */
  private closeSoon(): void {
    this.lingering = new LingeringClose(() => this.res.close(), CLOSE_SOON_MS);
  }

  cutOff(): void {
    this.res.close();
  }

  /** Turns the native response over to an upgrade: no reply follows. */
  upgraded(): void {
    this.finish(101);
  }

  private finish(status: number): void {
    if (this.state === "over") return;
    this.state = "over";
    this.context.openExchanges -= 1;
    this.context.pendingReplies.remove(this);
    this.held?.abandon();
    const durationMs = performance.now() - this.startedMs;
    this.context.onRequest?.({ method: this.head.method, route: this.route, status, durationMs });
  }
}

/** For what is read and not sent any more. */
const CLOSE_SOON_MS = 250;

const NO_SINK: BodySink = { receive() {} };

const IPV4_MAPPED_PREFIX = "0000:0000:0000:0000:0000:ffff:";

function peerText(res: NativeResponse): string {
  const text = Buffer.from(res.getRemoteAddressAsText()).toString("latin1");
  if (!text.startsWith(IPV4_MAPPED_PREFIX)) return text;
  return Buffer.from(text.slice(IPV4_MAPPED_PREFIX.length).replace(":", ""), "hex").join(".");
}
