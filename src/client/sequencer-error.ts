import type { ErrorCode } from "../base/errors.js";
import { isJsonObject, type JsonObject } from "./json-object.js";

/** Codes for what went wrong on this side of the wire, where no answer of the service could name it. */
export type ClientErrorCode =
  /** No answer: refused, reset, DNS, TLS, CORS. */
  | "CONNECTION_FAILED"
  /** No answer in time. Whether the request took effect is unknown. */
  | "REQUEST_TIMEOUT"
  /** An answer of success that is not what this route answers. Whether the request took effect is unknown. */
  | "INVALID_RESPONSE"
  /** An entry whose receipt does not verify. */
  | "RECEIPT_INVALID"
  /** A proof that does not show what was asked for. */
  | "PROOF_INVALID"
  /** A commitment whose state root does not follow from its facts. */
  | "COMMITMENT_INVALID"
  /** A checkpoint that the log's key has not signed. */
  | "CHECKPOINT_INVALID"
  /** A signed checkpoint with fewer entries than an earlier one. */
  | "LOG_SHRUNK"
  /** A signed checkpoint that does not continue an earlier one: two histories, provable to anyone. */
  | "LOG_FORKED"
  /** No WebSocket constructor here, or it took neither the URL nor the protocols. */
  | "WEBSOCKET_UNAVAILABLE";

/** A service newer than this client may answer codes that are not listed. */
export type SequencerErrorCode = ErrorCode | ClientErrorCode | (string & {});

export interface SequencerErrorFacts {
  readonly code: SequencerErrorCode;
  readonly message: string;
  /** HTTP status; 0 without an answer. */
  readonly status?: number;
  /** Names the request in the service's log. */
  readonly requestId?: string | null;
  /** Whole seconds the service asked to wait, or null. */
  readonly retryAfterSeconds?: number | null;
  readonly cause?: unknown;
}

/** Every failure of this client but a caller's abort (that rejects with the signal's reason) and a caller's TypeError. */
export class SequencerError extends Error {
  override readonly name = "SequencerError";
  readonly code: SequencerErrorCode;
  readonly status: number;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(facts: SequencerErrorFacts) {
    super(facts.message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status ?? 0;
    this.requestId = facts.requestId ?? null;
    this.retryAfterSeconds = facts.retryAfterSeconds ?? null;
  }

  /**
   * May the same request succeed later as it is: no answer, 408, 429, or a failure behind the service. The service's own
   * refusals (other 4xx) and answers that make no sense never do.
   */
  get isTransient(): boolean {
    if (this.code === "CONNECTION_FAILED" || this.code === "REQUEST_TIMEOUT") return true;
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Characters of an unknown body that are shown. */
const EXCERPT_CHARACTERS_MAX = 200;

/** The refusal in a response: problem details with a `code`, the older `error` member, or whatever a proxy wrote. */
export function refusalOf(response: Response, body: string, nowMs: number): SequencerError {
  const { status, headers } = response;
  const problem = parseObject(body);
  const older = isJsonObject(problem.error) ? problem.error : {};
  const text = body.trim().slice(0, EXCERPT_CHARACTERS_MAX);
  return new SequencerError({
    code: textOf(problem.code) ?? textOf(older.code) ?? headers.get("x-error-code") ?? `HTTP_${status}`,
    message:
      textOf(problem.detail) ??
      textOf(older.message) ??
      textOf(problem.title) ??
      (text === "" ? `the service answered ${status}` : `the service answered ${status}: ${text}`),
    status,
    requestId: textOf(problem.request_id) ?? headers.get("x-request-id"),
    retryAfterSeconds: readRetryAfter(headers.get("retry-after"), answeredMs(headers.get("date")) ?? nowMs),
  });
}

/** RFC 9110 §10.2.3: seconds or an HTTP date. Null when absent or neither. */
export function readRetryAfter(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text);
  const dateMs = httpDateMs(text);
  return dateMs === null ? null : Math.max(0, Math.ceil((dateMs - nowMs) / 1000));
}

/** By the clock that an HTTP date in the same answer is of; this side's may be wrong by years. */
function answeredMs(date: string | null): number | null {
  return date === null ? null : httpDateMs(date);
}

function httpDateMs(text: string): number | null {
  const ms = text.endsWith("GMT") ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function parseObject(body: string): JsonObject {
  try {
    const value: unknown = JSON.parse(body);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
