import { CodedError, type ErrorCode } from "../base/errors.js";
import type { HttpReply } from "../transport/http.js";

/**
 * Every refusal as clients see it: RFC 9457 problem details with a stable `code`, plus the `error` member that existing
 * StateSet clients read. Nothing of an unknown error ever reaches the client.
 */

export interface ProblemEntry {
  readonly status: number;
  /** `numeric_code` of existing clients (wire-api A.1); each is used once. */
  readonly numeric: number;
  /** Short text that never varies with the request. */
  readonly title: string;
}

/** Names, numbers and statuses of wire-api A.1; those it does not name take free numbers of the fitting range. */
export const PROBLEMS: Readonly<Record<ErrorCode, ProblemEntry>> = {
  AUTH_REQUIRED: { status: 401, numeric: 1001, title: "Authentication required" },
  INVALID_API_KEY: { status: 401, numeric: 1002, title: "Invalid API key" },
  INVALID_TOKEN: { status: 401, numeric: 1003, title: "Invalid token" },
  TOKEN_EXPIRED: { status: 401, numeric: 1004, title: "Token expired" },
  INSUFFICIENT_PERMISSIONS: { status: 403, numeric: 1005, title: "Insufficient permissions" },
  RATE_LIMIT_EXCEEDED: { status: 429, numeric: 2001, title: "Rate limit exceeded" },
  QUOTA_EXCEEDED: { status: 429, numeric: 2002, title: "Quota exceeded" },
  OVERLOADED: { status: 429, numeric: 2003, title: "Overloaded" },
  TOO_MANY_SUBSCRIBERS: { status: 429, numeric: 2004, title: "Too many subscribers" },
  INVALID_REQUEST_BODY: { status: 400, numeric: 3001, title: "Malformed request body" },
  UNPROCESSABLE_BODY: { status: 422, numeric: 3008, title: "Unprocessable request body" },
  MISSING_REQUIRED_FIELD: { status: 400, numeric: 3002, title: "Missing required field" },
  INVALID_FIELD_VALUE: { status: 400, numeric: 3003, title: "Invalid field value" },
  PAYLOAD_TOO_LARGE: { status: 413, numeric: 3004, title: "Payload too large" },
  BATCH_TOO_LARGE: { status: 413, numeric: 3005, title: "Batch too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, numeric: 3009, title: "Unsupported media type" },
  SCHEMA_VALIDATION_FAILED: { status: 400, numeric: 3006, title: "Schema validation failed" },
  SCHEMA_NOT_FOUND: { status: 400, numeric: 3007, title: "Schema not found" },
  ROUTE_NOT_FOUND: { status: 404, numeric: 4006, title: "Route not found" },
  METHOD_NOT_ALLOWED: { status: 405, numeric: 3010, title: "Method not allowed" },
  UPGRADE_REQUIRED: { status: 426, numeric: 3011, title: "Upgrade required" },
  RESOURCE_NOT_FOUND: { status: 404, numeric: 4001, title: "Resource not found" },
  EVENT_NOT_FOUND: { status: 404, numeric: 4002, title: "Event not found" },
  BATCH_NOT_FOUND: { status: 404, numeric: 4003, title: "Batch not found" },
  ENTITY_NOT_FOUND: { status: 404, numeric: 4004, title: "Entity not found" },
  AGENT_KEY_NOT_FOUND: { status: 404, numeric: 4005, title: "Agent key not found" },
  DUPLICATE_EVENT: { status: 409, numeric: 5001, title: "Duplicate event" },
  DUPLICATE_COMMAND: { status: 409, numeric: 5002, title: "Duplicate command" },
  VERSION_CONFLICT: { status: 409, numeric: 5003, title: "Version conflict" },
  ALREADY_EXISTS: { status: 409, numeric: 5004, title: "Already exists" },
  INVALID_SIGNATURE: { status: 400, numeric: 6001, title: "Invalid signature" },
  SIGNATURE_VERIFICATION_FAILED: { status: 400, numeric: 6002, title: "Signature verification failed" },
  INVALID_PUBLIC_KEY: { status: 400, numeric: 6003, title: "Invalid public key" },
  INVALID_PROOF_OF_POSSESSION: { status: 400, numeric: 6006, title: "Invalid proof of possession" },
  INVALID_PAYLOAD_HASH: { status: 400, numeric: 6004, title: "Invalid payload hash" },
  ENCRYPTION_ERROR: { status: 500, numeric: 6005, title: "Encryption error" },
  INVALID_STATE_TRANSITION: { status: 400, numeric: 7001, title: "Invalid state transition" },
  INVARIANT_VIOLATION: { status: 400, numeric: 7002, title: "Invariant violation" },
  SEQUENCE_GAP: { status: 409, numeric: 7003, title: "Sequence gap" },
  CURSOR_IN_FUTURE: { status: 416, numeric: 3012, title: "Cursor in the future" },
  CURSOR_TOO_OLD: { status: 410, numeric: 4007, title: "Cursor too old" },
  CURSOR_MALFORMED: { status: 400, numeric: 3013, title: "Malformed cursor" },
  LOG_MISMATCH: { status: 409, numeric: 5005, title: "Log mismatch" },
  ANCHOR_NOT_CONFIGURED: { status: 503, numeric: 9001, title: "Anchoring not configured" },
  ANCHOR_FAILED: { status: 500, numeric: 9002, title: "Anchoring failed" },
  NOT_ANCHORED: { status: 400, numeric: 9003, title: "Not anchored" },
  STORAGE_FULL: { status: 503, numeric: 8004, title: "Storage full" },
  SHUTTING_DOWN: { status: 503, numeric: 8005, title: "Shutting down" },
  SERVICE_UNAVAILABLE: { status: 503, numeric: 8002, title: "Service unavailable" },
  DATABASE_ERROR: { status: 500, numeric: 8001, title: "Database error" },
  TIMEOUT: { status: 504, numeric: 8003, title: "Timeout" },
  INTERNAL_ERROR: { status: 500, numeric: 8999, title: "Internal server error" },
};

const TYPES = Object.fromEntries(
  Object.keys(PROBLEMS).map((code) => [code, `urn:stateset:problem:${code.toLowerCase().replaceAll("_", "-")}`]),
) as Readonly<Record<ErrorCode, string>>;

/** Every 429 and 503 says when to come back, also where the thrower had no estimate. */
const RETRY_AFTER_DEFAULT_SECONDS = 1;

/**
 * Renders any thrown value. A `CodedError` shows its message as `detail`; everything else becomes INTERNAL_ERROR without
 * a trace of its message: the caller logs it under the same request id. Extra members never replace the standard ones.
 */
export function problemReply(error: unknown, requestId: string): HttpReply {
  const known = error instanceof CodedError ? error : new CodedError("INTERNAL_ERROR", "Internal server error");
  const { code, message, extras } = known;
  const { status, numeric, title } = PROBLEMS[code];
  const standard = {
    type: TYPES[code],
    title,
    status,
    detail: message,
    code,
    request_id: requestId,
    pointer: extras.pointer,
    error: { code, numeric_code: numeric, message },
  };
  const headers: Record<string, string> = { "content-type": "application/problem+json", "x-error-code": code };
  const retryAfterSeconds =
    extras.retryAfterSeconds ?? (status === 429 || status === 503 ? RETRY_AFTER_DEFAULT_SECONDS : undefined);
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(Math.max(0, Math.ceil(retryAfterSeconds)));
  const problem = extras.members === undefined ? standard : { ...extras.members, ...standard };
  return { status, headers, body: JSON.stringify(problem) };
}
