import { CodedError } from "../base/errors.js";
import { randomUuid } from "../base/random-uuid.js";
import type { NativeRequest } from "./native.js";
import { decodePercent } from "./percent-encoding.js";

/**
 * Everything of a request but its body, copied while the native request is still valid. Its size is bounded by the
 * library: 50 headers, and a few KiB when the head arrives in more than one segment.
 */
export class RequestHead {
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  /** Name, value, name, value: of a dozen headers, looking at each costs less than hashing. */
  private readonly headers: string[] = [];
  private readonly rawQuery: string;
  private parsedQuery: URLSearchParams | undefined;

  constructor(req: NativeRequest) {
    this.method = req.getMethod().toUpperCase();
    this.path = req.getUrl();
    this.rawQuery = req.getQuery() ?? "";
    const { headers } = this;
    req.forEach((name, value) => {
      const at = valueAt(headers, name);
      if (at === -1) headers.push(name, value);
      else headers[at] = `${headers[at]}, ${value}`;
    });
    const offered = this.field("x-request-id");
    this.requestId = offered !== undefined && ECHOED_REQUEST_ID.test(offered) ? offered : randomUuid();
  }

  /** Throws INVALID_FIELD_VALUE when it is not valid percent-encoding of UTF-8. */
  get query(): URLSearchParams {
    if (this.parsedQuery === undefined) {
      if (decodePercent(this.rawQuery) === null)
        throw new CodedError("INVALID_FIELD_VALUE", "The query is not valid percent-encoding of UTF-8");
      this.parsedQuery = new URLSearchParams(this.rawQuery);
    }
    return this.parsedQuery;
  }

  header(name: string): string | undefined {
    return this.field(name.toLowerCase());
  }

  /** The header of that lower-case name. */
  field(name: string): string | undefined {
    const at = valueAt(this.headers, name);
    return at === -1 ? undefined : this.headers[at];
  }

  /**
   * How the body is framed. Throws INVALID_REQUEST_BODY where two readers could disagree about its end: the library takes
   * the first of several lengths, a proxy in front of it might take the last.
   */
  bodyFraming(): BodyFraming {
    const length = this.field("content-length");
    const coding = this.field("transfer-encoding");
    if (coding !== undefined) {
      if (length === undefined && coding.toLowerCase() === "chunked") return { kind: "chunked" };
      throw new CodedError("INVALID_REQUEST_BODY", "Transfer-Encoding must be chunked, without a Content-Length");
    }
    if (length === undefined) return { kind: "none" };
    if (!CONTENT_LENGTH.test(length)) throw new CodedError("INVALID_REQUEST_BODY", "Content-Length is not one number");
    return length === "0" ? { kind: "none" } : { kind: "sized", bytes: Number(length) };
  }
}

export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "chunked" }
  | { readonly kind: "sized"; readonly bytes: number };

const CONTENT_LENGTH = /^\d{1,15}$/;

/** Visible ASCII only: the value goes back into a header and into logs. */
const ECHOED_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Index of the value of the header of that lower-case name, -1 where there is none. */
function valueAt(headers: readonly string[], name: string): number {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return at + 1;
  return -1;
}
