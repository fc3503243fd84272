import type { HttpReply } from "./http.js";
import type { RequestHead } from "./request-head.js";

/**
 * What pages of other origins may read (Fetch standard, "CORS protocol"; wire-api A): everything their requests are answered with,
 * where an operator has named their origin. A page brings a credential of its own: the browser is not asked for any.
 */

/** Where a page has a name: scheme, host and port, as browsers write it into `Origin`. */
export type Origin = string;

/** Every page of the internet. */
export const ANY_ORIGIN: Origin = "*";

type Headers = Readonly<Record<string, string>>;

const READABLE = "x-request-id, x-error-code, retry-after, etag";
const PREFLIGHT: Headers = {
  "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
  "access-control-allow-headers": "authorization, x-api-key, content-type, x-request-id, if-none-match",
  // Without it a browser asks again after five seconds.
  "access-control-max-age": "3600",
};
const NONE: Headers = {};

export class CrossOrigin {
  /** Made once: what a reply to a page of that origin carries. */
  private readonly readable: ReadonlyMap<Origin, Headers>;
  private readonly others: Headers;

  /** `origins`: as browsers write them, or `ANY_ORIGIN` alone. */
  constructor(origins: readonly Origin[]) {
    // A cache must not give one origin's reply to another, where they differ.
    this.others = origins.includes(ANY_ORIGIN) ? NONE : { vary: "origin" };
    this.readable = new Map(
      origins.map((origin) => [
        origin,
        { ...this.others, "access-control-allow-origin": origin, "access-control-expose-headers": READABLE },
      ]),
    );
  }

  /** `reply`, readable to the page that asked, if it may be. */
  answer(head: RequestHead, reply: HttpReply): HttpReply {
    return { ...reply, headers: { ...reply.headers, ...(this.allowed(head) ?? this.others) } };
  }

  /** A browser's question before the request itself; null when it is none, or of a page that may not ask. */
  preflight(head: RequestHead): HttpReply | null {
    if (head.method !== "OPTIONS" || head.field("access-control-request-method") === undefined) return null;
    return this.allowed(head) === undefined ? null : { status: 204, headers: PREFLIGHT, body: "" };
  }

  private allowed(head: RequestHead): Headers | undefined {
    const origin = head.field("origin");
    return origin === undefined ? undefined : (this.readable.get(origin) ?? this.readable.get(ANY_ORIGIN));
  }
}

/** Is it written as a browser writes it: with no path, no default port, in lower case? Nothing stands for several hosts. */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text) || text.includes("*")) return false;
  const { protocol, host } = new URL(text);
  return host !== "" && text === `${protocol}//${host}`;
}
