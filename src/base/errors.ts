/**
 * Refusals by their stable names. `api/problem.ts` gives each its status, number and title; the meaning never depends on
 * the human-readable detail. Names of wire-api A.1 that this service never answers with stand here too, so that their
 * names and numbers stay taken: which code an operation does answer with, its OpenAPI document says.
 */
export type ErrorCode =
  | "AUTH_REQUIRED"
  | "INVALID_API_KEY"
  | "INVALID_TOKEN"
  | "TOKEN_EXPIRED"
  | "INSUFFICIENT_PERMISSIONS"
  | "RATE_LIMIT_EXCEEDED"
  | "QUOTA_EXCEEDED"
  | "OVERLOADED"
  | "TOO_MANY_SUBSCRIBERS"
  | "INVALID_REQUEST_BODY"
  | "UNPROCESSABLE_BODY"
  | "MISSING_REQUIRED_FIELD"
  | "INVALID_FIELD_VALUE"
  | "PAYLOAD_TOO_LARGE"
  | "BATCH_TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "SCHEMA_VALIDATION_FAILED"
  | "SCHEMA_NOT_FOUND"
  | "ROUTE_NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "UPGRADE_REQUIRED"
  | "RESOURCE_NOT_FOUND"
  | "EVENT_NOT_FOUND"
  | "BATCH_NOT_FOUND"
  | "ENTITY_NOT_FOUND"
  | "AGENT_KEY_NOT_FOUND"
  | "DUPLICATE_EVENT"
  | "DUPLICATE_COMMAND"
  | "VERSION_CONFLICT"
  | "ALREADY_EXISTS"
  | "INVALID_SIGNATURE"
  | "SIGNATURE_VERIFICATION_FAILED"
  | "INVALID_PUBLIC_KEY"
  | "INVALID_PROOF_OF_POSSESSION"
  | "INVALID_PAYLOAD_HASH"
  | "ENCRYPTION_ERROR"
  | "INVALID_STATE_TRANSITION"
  | "INVARIANT_VIOLATION"
  | "SEQUENCE_GAP"
  | "CURSOR_IN_FUTURE"
  | "CURSOR_TOO_OLD"
  | "CURSOR_MALFORMED"
  | "LOG_MISMATCH"
  | "ANCHOR_NOT_CONFIGURED"
  | "ANCHOR_FAILED"
  | "NOT_ANCHORED"
  | "STORAGE_FULL"
  | "SHUTTING_DOWN"
  | "SERVICE_UNAVAILABLE"
  | "DATABASE_ERROR"
  | "TIMEOUT"
  | "INTERNAL_ERROR";

export interface CodedErrorExtras {
  /** RFC 6901 pointer to the offending place in the request body. */
  readonly pointer?: string;
  /** Sent as `Retry-After`, whole seconds. */
  readonly retryAfterSeconds?: number;
  /** Extra problem members, shown to the client as they are: never put a secret here. */
  readonly members?: Readonly<Record<string, string | number>>;
}

/** A refusal with a stable code. Its message is written for the client and carries nothing internal. */
export class CodedError extends Error {
  override readonly name = "CodedError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly extras: CodedErrorExtras = {},
  ) {
    super(message);
  }
}

/**
 * What a thread died of, as an Error. Errors of native modules lose their prototype and message between threads; their
 * `code` is what is left of them.
 */
export function threadError(thread: string, thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : String(thrown);
  return new Error(`the ${thread} thread failed with ${code}`, { cause: thrown });
}
