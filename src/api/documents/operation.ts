/** What the operations of the OpenAPI document are made of. */
import type { ErrorCode } from "../../base/errors.js";
import { PROBLEMS } from "../problem.js";
import { type Json, ref, UUID } from "./schema-parts.js";

export function query(name: string, schema: Json, description: string, required = false): Json {
  return { name, in: "query", required, schema, description };
}

export function pathParameter(name: string, description: string): Json {
  return { name, in: "path", required: true, schema: { type: "string" }, description };
}

/** Of the events of an ingest. */
export const BATCH = "As many as the service's MAX_EVENTS_PER_BATCH, 1000 unless it is set.";
export const TENANT = query("tenant_id", UUID, "Tenant.", true);
export const STORE = query("store_id", UUID, "Store.", true);

export interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Json[];
  readonly body?: Json;
  readonly answer: Json;
  readonly isPublic?: boolean;
  readonly mediaType?: string;
  /** Answered with an ETag, and 304 to whoever has it. */
  readonly hasEtag?: boolean;
  /** Codes of its own, beside those that follow from its parameters, its body and the credential. */
  readonly refusals?: readonly ErrorCode[];
}

const CREDENTIAL: readonly ErrorCode[] = [
  ...(["AUTH_REQUIRED", "INVALID_API_KEY", "INVALID_TOKEN", "TOKEN_EXPIRED"] as const),
  "INSUFFICIENT_PERMISSIONS",
];
const BODY: readonly ErrorCode[] = [
  ...(["INVALID_REQUEST_BODY", "INVALID_FIELD_VALUE", "UNPROCESSABLE_BODY", "UNSUPPORTED_MEDIA_TYPE"] as const),
  "PAYLOAD_TOO_LARGE",
];

/** What any request may meet. A status that an operation describes itself must name those of them that share it. */
const ANY: readonly ErrorCode[] = [
  ...(["OVERLOADED", "SERVICE_UNAVAILABLE", "SHUTTING_DOWN", "STORAGE_FULL", "TIMEOUT", "INTERNAL_ERROR"] as const),
];

const REQUEST_ID: Json = { "x-request-id": { $ref: "#/components/headers/RequestId" } };
const ETAG: Json = { etag: { description: "For If-None-Match.", schema: { type: "string" } } };
const REFUSAL_HEADERS: Json = {
  ...REQUEST_ID,
  "x-error-code": { $ref: "#/components/headers/ErrorCode" },
  "retry-after": { $ref: "#/components/headers/RetryAfter" },
};

/** Headers and refusals that operations refer to. */
export const SHARED: Json = {
  headers: {
    RequestId: { description: "Names this request in the service's log.", schema: { type: "string" } },
    ErrorCode: { description: "The problem's `code`.", schema: { type: "string" } },
    RetryAfter: {
      description: "Seconds. With every 429 and 503.",
      schema: { type: "integer", minimum: 0 },
    },
  },
  responses: {
    Unavailable: {
      description:
        "What any request may meet, and what may be tried again: OVERLOADED 429, SERVICE_UNAVAILABLE, SHUTTING_DOWN and STORAGE_FULL 503, TIMEOUT 504; INTERNAL_ERROR 500.",
      headers: REFUSAL_HEADERS,
      content: { "application/problem+json": { schema: ref("Problem") } },
    },
  },
};

export function operation(spec: Operation): Json {
  const content = { [spec.mediaType ?? "application/json"]: { schema: spec.answer } };
  const headers = spec.hasEtag ? { ...REQUEST_ID, ...ETAG } : REQUEST_ID;
  return {
    summary: spec.summary,
    ...(spec.isPublic ? { security: [] } : {}),
    ...(spec.parameters === undefined ? {} : { parameters: spec.parameters }),
    ...(spec.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: spec.body } } } }),
    responses: {
      "200": { description: "OK", headers, content },
      ...(spec.hasEtag ? { "304": { description: "What has this If-None-Match is still so.", headers } } : {}),
      ...refusals(spec),
      default: { $ref: "#/components/responses/Unavailable" },
    },
  };
}

/** A response for each status, with the codes that it may carry. */
function refusals({ isPublic = false, parameters = [], body, refusals: own = [] }: Operation): Json {
  const codes = new Set<ErrorCode>(own);
  if (!isPublic) for (const code of CREDENTIAL) codes.add(code);
  if (body !== undefined) for (const code of BODY) codes.add(code);
  if (parameters.length > 0) codes.add("INVALID_FIELD_VALUE");
  if (parameters.some((parameter) => parameter.in === "query" && parameter.required === true)) {
    codes.add("MISSING_REQUIRED_FIELD");
  }
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const code of ANY) {
    const names = byStatus.get(PROBLEMS[code].status);
    if (names !== undefined && !names.includes(code)) names.push(code);
  }
  return Object.fromEntries([...byStatus].map(([status, names]) => [status, refusal(names)]));
}

function refusal(codes: readonly ErrorCode[]): Json {
  const schema = { allOf: [ref("Problem"), { properties: { code: { enum: codes } } }] };
  return {
    description: codes.join(", "),
    headers: REFUSAL_HEADERS,
    content: { "application/problem+json": { schema } },
  };
}
