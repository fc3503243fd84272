import { CodedError } from "../base/errors.js";
import { type BodyContext, BodyReader, type BodyReceiver, SkippedBody, tooLarge } from "./body-reader.js";
import { Exchange, type ExchangeContext } from "./exchange.js";
import type { HttpReply, HttpRequest } from "./http.js";
import type { NativeRequest, NativeResponse } from "./native.js";
import type { RequestHead } from "./request-head.js";
import type { RouteMatch, Router } from "./router.js";

/**
 * From a native request to a handler and back: framing, route, media type and size are decided on the head; the handler
 * runs when the body is complete, at once where there is none.
 */
export interface HttpContext extends ExchangeContext, BodyContext {
  readonly router: Router;
  readonly socketPaths: ReadonlySet<string>;
}

type Matched = Extract<RouteMatch, { kind: "found" }>;

const EMPTY_BODY = new Uint8Array(0);
const JSON_MEDIA_TYPE = /^application\/(?:[a-z0-9!#$&^_.-]+\+)?json\s*(?:;|$)/i;

export function handleHttp(context: HttpContext, res: NativeResponse, req: NativeRequest): void {
  const exchange = new Exchange(res, req, context);
  // Until its length is known to be bearable, a body is not read to its end for the sake of a refusal.
  let isBodyUnread = true;
  try {
    const framing = exchange.head.bodyFraming();
    isBodyUnread =
      framing.kind === "chunked" || (framing.kind === "sized" && framing.bytes > context.limits.bodyBytesMax);
    // The library would take the fields behind such a body for the head of the next request.
    exchange.isLast = framing.kind === "chunked" && exchange.head.field("trailer") !== undefined;
    const preflight = framing.kind === "none" ? context.crossOrigin?.preflight(exchange.head) : null;
    if (preflight) {
      exchange.reply(preflight);
      return;
    }
    const match = context.router.match(exchange.head.method, exchange.head.path);
    if (match.kind !== "found") {
      const { error, headers } = unrouted(context, exchange, match);
      exchange.refuse(error, { headers, isBodyUnread });
      return;
    }
    exchange.route = match.route.path;
    if (framing.kind === "sized" && isBodyUnread) throw tooLarge(context.limits.bodyBytesMax);
    const isExpected = match.route.body === "json";
    if (isExpected) requireJson(exchange.head);
    if (framing.kind === "none") run(exchange, match, EMPTY_BODY);
    else {
      const Reader = isExpected ? BodyReader : SkippedBody;
      exchange.held = new Reader(exchange, framing, context, new PendingCall(exchange, match));
    }
  } catch (error) {
    exchange.refuse(error, { isBodyUnread });
  }
}

interface Refusal {
  readonly error: CodedError;
  readonly headers?: Readonly<Record<string, string>>;
}

function unrouted(context: HttpContext, exchange: Exchange, match: Exclude<RouteMatch, Matched>): Refusal {
  const { method, path } = exchange.head;
  if (context.socketPaths.has(path)) {
    exchange.route = path;
    return method === "GET" || method === "HEAD" ? upgradeRequired() : methodNotAllowed("GET");
  }
  if (match.kind === "method-not-allowed") return methodNotAllowed(match.allow);
  return { error: new CodedError("ROUTE_NOT_FOUND", "No such route") };
}

function methodNotAllowed(allow: string): Refusal {
  return { error: new CodedError("METHOD_NOT_ALLOWED", `Allowed here: ${allow}`), headers: { allow } };
}

/** For requests to a socket path without an upgrade, or with a WebSocket version this server does not speak. */
export function upgradeRequired(): Refusal {
  return {
    error: new CodedError("UPGRADE_REQUIRED", "This path speaks WebSocket version 13 only"),
    headers: { upgrade: "websocket", "sec-websocket-version": "13" },
  };
}

function requireJson(head: RequestHead): void {
  if (!JSON_MEDIA_TYPE.test(head.field("content-type") ?? "")) {
    throw new CodedError("UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json");
  }
  const coding = head.field("content-encoding");
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    throw new CodedError("UNSUPPORTED_MEDIA_TYPE", "Content-Encoding is not supported for requests");
  }
}

/** A call of a handler that waits for the body. */
class PendingCall implements BodyReceiver {
  constructor(
    private readonly exchange: Exchange,
    private readonly matched: Matched,
  ) {}

  begun(): string | null | Promise<string | null> {
    const { route, params } = this.matched;
    if (route.admit === undefined) return "";
    try {
      const admitted = route.admit(new RequestView(this.exchange, params, EMPTY_BODY));
      return admitted instanceof Promise ? admitted.catch((error: unknown) => this.refuse(error)) : admitted;
    } catch (error) {
      return this.refuse(error);
    }
  }

  complete(body: Uint8Array): void {
    run(this.exchange, this.matched, body);
  }

  failed(error: CodedError): void {
    this.refuse(error);
  }

  private refuse(error: unknown): null {
    this.exchange.refuse(error, { isBodyUnread: true });
    return null;
  }
}

function run(exchange: Exchange, { route, params }: Matched, body: Uint8Array): void {
  try {
    const reply = route.handle(new RequestView(exchange, params, body));
    if (reply instanceof Promise) void answerLater(exchange, reply);
    else exchange.reply(reply);
  } catch (error) {
    exchange.refuse(error);
  }
}

async function answerLater(exchange: Exchange, reply: Promise<HttpReply>): Promise<void> {
  try {
    exchange.reply(await reply);
  } catch (error) {
    exchange.refuse(error);
  }
}

class RequestView implements HttpRequest {
  constructor(
    private readonly exchange: Exchange,
    readonly params: Readonly<Record<string, string>>,
    readonly body: Uint8Array,
  ) {}

  get method(): string {
    return this.exchange.head.method;
  }

  get path(): string {
    return this.exchange.head.path;
  }

  get query(): URLSearchParams {
    return this.exchange.head.query;
  }

  get remoteAddress(): string {
    return this.exchange.remoteAddress;
  }

  get requestId(): string {
    return this.exchange.head.requestId;
  }

  header(name: string): string | undefined {
    return this.exchange.head.header(name);
  }
}
