import { randomUUID } from "node:crypto";
import { CodedError } from "../base/errors.js";
import type { NativeRequest } from "./native.js";

/**
 * Everything of a request but its body, copied while the native request is still valid. Its size is bounded by the
 * library: 50 headers, and a few KiB when the head arrives in more than one segment.
 */
export class RequestHead {
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  private readonly headers = new Map<string, string>();
  private readonly rawQuery: string;
  private parsedQuery: URLSearchParams | undefined;

  constructor(req: NativeRequest) {
    this.method = req.getMethod().toUpperCase();
    this.path = req.getUrl();
    this.rawQuery = req.getQuery() ?? "";
    const { headers } = this;
    req.forEach((name, value) => {
      const earlier = headers.get(name);
      headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
    });
    const offered = headers.get("x-request-id");
    this.requestId = offered !== undefined && ECHOED_REQUEST_ID.test(offered) ? offered : randomUUID();
  }

  get query(): URLSearchParams {
    this.parsedQuery ??= new URLSearchParams(this.rawQuery);
    return this.parsedQuery;
  }

  header(name: string): string | undefined {
    return this.headers.get(name) ?? this.headers.get(name.toLowerCase());
  }

  /**
   * How the body is framed. Throws INVALID_REQUEST_BODY where two readers could disagree about its end: the library takes
   * the first of several lengths, a proxy in front of it might take the last.
   */
  bodyFraming(): BodyFraming {
    const length = this.headers.get("content-length");
    const coding = this.headers.get("transfer-encoding");
    if (coding !== undefined) {
      if (length === undefined && coding.toLowerCase() === "chunked") return { kind: "chunked" };
      throw new CodedError("INVALID_REQUEST_BODY", "Transfer-Encoding must be chunked, without a Content-Length");
    }
    if (length === undefined) return { kind: "none" };
    if (!/^\d{1,15}$/.test(length)) throw new CodedError("INVALID_REQUEST_BODY", "Content-Length is not one number");
    return length === "0" ? { kind: "none" } : { kind: "sized", bytes: Number(length) };
  }
}

export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "chunked" }
  | { readonly kind: "sized"; readonly bytes: number };

/** Visible ASCII only: the value goes back into a header and into logs. */
const ECHOED_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
