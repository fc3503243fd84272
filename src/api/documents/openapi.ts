/** The HTTP surface as OpenAPI 3.1, served at /openapi.json. A test holds it to the routes and to live answers. */
import { packageVersion } from "../../base/asset-paths.js";
import { ENTRY_KINDS } from "../../protocol/entry-kind.js";
import { COMMITMENT_PATHS } from "./commitment-paths.js";
import { REGISTRATION_EXAMPLE } from "./examples.js";
import { LEGACY_PATHS } from "./legacy-paths.js";
import { BATCH, operation, pathParameter, query, SHARED, STORE, TENANT } from "./operation.js";
import { named, TAGS } from "./operation-names.js";
import { PROOF_PATHS } from "./proof-paths.js";
import { PROOF_SCHEMAS } from "./proof-schemas.js";
import { type Json, KEY_ID, list, object, ref, UUID, whole } from "./schema-parts.js";
import { SCHEMAS } from "./schemas.js";
import { TLOG_PATHS } from "./tlog-paths.js";

const LIMIT = query(
  "limit",
  { type: "integer", minimum: 1, maximum: 1000, default: 100 },
  "Most entries; more is cut to 1000.",
);

/** Parts of a list of keys. */
const KEY_PAGE: readonly Json[] = [
  query("limit", { type: "integer", minimum: 1, maximum: 1000, default: 1000 }, "Most keys; more is cut to 1000."),
  query("after", { type: "string" }, "`next` of the part before."),
];
const NEXT: Json = { type: ["string", "null"], description: "More keys follow: ask for those `after` it." };

/** The filters of a replay, shared with the WebSocket. */
export const REPLAY_PARAMETERS: readonly Json[] = [
  query("from_offset", { type: "integer", minimum: 0, default: 0 }, "First offset wanted, inclusive."),
  query("log_id", UUID, "Refuse (LOG_MISMATCH) if this is not that log."),
  query("epoch", { type: "integer" }, "Refuse (LOG_MISMATCH) if the log was restored since."),
  query("tenant_id", UUID, "Only this tenant."),
  query("store_id", UUID, "Only this store."),
  query("entity_type", { type: "string" }, "Only this entity type."),
  query("entity_id", { type: "string" }, "Only this entity."),
  query("kind", { enum: ENTRY_KINDS }, "Only this kind of entry."),
];

const KEY_REGISTRATION: Json = {
  examples: [REGISTRATION_EXAMPLE],
  ...object(["tenantId", "agentId", "publicKey", "proofOfPossession"], {
    tenantId: UUID,
    agentId: UUID,
    keyId: { ...KEY_ID, description: "Absent = the agent's highest + 1." },
    publicKey: { type: "string", description: "32 bytes, hex or base64." },
    keyAlgorithm: { enum: [1, 2], default: 1, description: "1 Ed25519, 2 X25519." },
    proofOfPossession: {
      type: "string",
      description: "64 bytes of hex: Ed25519 over SHA-256(VES_POP_V1 || public key).",
    },
    signingKeyId: { ...KEY_ID, description: "X25519 only: the agent's signing key that made the proof." },
    validFrom: { type: "string", format: "date-time" },
    validTo: { type: "string", format: "date-time" },
  }),
};

const KEY_REVOKED: Json = whole({
  success: { const: true },
  tenantId: UUID,
  agentId: UUID,
  keyId: KEY_ID,
  revokedAt: { type: "string", format: "date-time", description: "Of the first revocation." },
  message: { type: "string" },
});

const KEY_COLLECTION: Json = {
  post: operation({
    summary: "Register an agent key. Admins of the tenant, or the agent itself. snake_case names are accepted too.",
    body: KEY_REGISTRATION,
    answer: whole({
      success: { const: true },
      tenantId: UUID,
      agentId: UUID,
      keyId: KEY_ID,
      keyAlgorithm: { enum: [1, 2] },
      message: { type: "string" },
    }),
    refusals: [
      ...(["MISSING_REQUIRED_FIELD", "INVALID_PUBLIC_KEY", "INVALID_PROOF_OF_POSSESSION"] as const),
      ...(["AGENT_KEY_NOT_FOUND", "ALREADY_EXISTS"] as const),
    ],
  }),
  get: operation({
    summary: "List an agent's keys.",
    parameters: [TENANT, query("agent_id", UUID, "Agent.", true), ...KEY_PAGE],
    answer: list("AgentKey", "keys", { next: NEXT }),
  }),
};

const KEY_ITEM: Json = {
  delete: operation({
    summary: "Revoke an agent key, at once and for ever.",
    parameters: [
      pathParameter("key_id", "Key id."),
      TENANT,
      query("agent_id", UUID, "Agent.", true),
      query("key_algorithm", { enum: [1, 2], default: 1 }, "1 Ed25519, 2 X25519."),
    ],
    answer: KEY_REVOKED,
    refusals: ["AGENT_KEY_NOT_FOUND"],
  }),
};

const INGEST = operation({
  summary: "Submit signed events of one agent and stream. The answer is sent after they are durable.",
  body: object(["agentId", "events"], {
    agentId: UUID,
    events: { type: "array", minItems: 1, maxItems: 1000, items: ref("Envelope"), description: BATCH },
  }),
  answer: ref("IngestAnswer"),
  refusals: ["BATCH_TOO_LARGE"],
});

const EVENTS = operation({
  summary: "Events of one stream by sequence number.",
  parameters: [
    TENANT,
    STORE,
    query("from", { type: "integer", minimum: 0, default: 1 }, "First sequence number, inclusive."),
    LIMIT,
    query("entity_type", { type: "string" }, "Only this entity type."),
    query("entity_id", { type: "string" }, "Only this entity."),
    query("event_type", { type: "string" }, "Only this event type."),
  ],
  answer: list("Entry", "events", {
    next_sequence: {
      type: "integer",
      description:
        "`from` of the next page, which may hold more also where this one holds few or none, as long as it is at most head_sequence.",
    },
    head_sequence: {
      type: "integer",
      description: "Last number of the stream's VES events at the moment of this page, 0 = none.",
    },
  }),
});

const LOG = operation({
  summary: "The log by offset, a page at a time: the same entries as the subscription.",
  parameters: [...REPLAY_PARAMETERS, LIMIT],
  answer: list("Entry", "entries", {
    log_id: UUID,
    epoch: { type: "integer" },
    next_offset: { type: "integer" },
    head_offset: { type: "integer" },
  }),
  refusals: ["CURSOR_MALFORMED", "CURSOR_IN_FUTURE", "LOG_MISMATCH"],
});

const HEAD = operation({
  summary: "Where the log ends and, given a stream, where its VES events and its legacy events end.",
  parameters: [query("tenant_id", UUID, "Tenant; together with store_id."), query("store_id", UUID, "Store.")],
  answer: ref("LogPosition"),
  refusals: ["MISSING_REQUIRED_FIELD"],
});

const NEW_API_KEY = operation({
  summary:
    "Create an API key. Its text is in this answer and nowhere else. It stays until it is revoked, also when the key or token that made it ends before.",
  body: object(["tenantId"], {
    tenantId: UUID,
    storeIds: {
      type: "array",
      maxItems: 1000,
      items: UUID,
      description: "Absent or empty = every store of the tenant.",
    },
    agentId: {
      ...UUID,
      description: "Submits events and registers keys as this agent alone, and reads like any. Absent = of any agent.",
    },
    permissions: {
      enum: ["read", "read_write", "admin"],
      default: "read_write",
      description: "admin also registers keys of agents and makes API keys, none that reaches further than itself.",
    },
    label: { type: "string", maxLength: 128 },
  }),
  answer: {
    allOf: [
      ref("ApiKey"),
      whole({ success: { const: true }, apiKey: { type: "string" }, message: { type: "string" } }),
    ],
  },
});

const signer = (description: string): Json => ({
  sequencer_id: UUID,
  public_key: { type: "string", pattern: "^[0-9a-f]{64}$", description },
});

const OPERATIONS: Json = {
  "/health": {
    get: operation({
      summary:
        "The process answers. `status` is `healthy`, or `upgrading` while a log of an older version is upgraded: everything else gets SERVICE_UNAVAILABLE then.",
      isPublic: true,
      answer: whole({
        status: { enum: ["healthy", "upgrading"] },
        service: { const: "stateset-sequencer" },
        version: { type: "string" },
        timestamp: { type: "string", format: "date-time" },
        transport: { enum: ["native", "fallback"], description: "fallback: slower, in JavaScript." },
      }),
    }),
  },
  "/ready": {
    get: operation({
      summary: "The store answers and the service is not going away.",
      isPublic: true,
      answer: whole({
        status: { const: "ready" },
        database: whole({ connected: { const: true }, response_time_ms: { type: "number", minimum: 0 } }),
        pool: { type: "null", description: "The store has no pool of connections; existing clients read the member." },
      }),
    }),
  },
  "/metrics": {
    get: operation({
      summary: "Prometheus metrics. Admins of the whole service.",
      mediaType: "text/plain; version=0.0.4; charset=utf-8",
      answer: { type: "string" },
    }),
  },
  "/openapi.json": { get: operation({ summary: "This document.", isPublic: true, answer: { type: "object" } }) },
  "/asyncapi.json": {
    get: operation({ summary: "The WebSocket surface.", isPublic: true, answer: { type: "object" } }),
  },
};

export const openapi: Json = {
  openapi: "3.1.0",
  info: {
    title: "StateSet Sequencer",
    version: packageVersion,
    description:
      "Signed agent events in, one durable total order, signed receipts out. Every refusal is a problem+json with a stable code. A path that there is not is ROUTE_NOT_FOUND 404, a method that a path has not METHOD_NOT_ALLOWED 405.",
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/", description: "Where this document is from." }],
  tags: TAGS,
  security: [{ apiKey: [] }, { authorization: [] }],
  paths: named({
    "/api/v1/ves/events/ingest": { post: INGEST },
    "/api/v1/ves/events": { get: EVENTS },
    "/api/v1/ves/events/{event_id}": {
      get: operation({
        summary: "One event.",
        parameters: [pathParameter("event_id", "Event id.")],
        answer: ref("Entry"),
        refusals: ["EVENT_NOT_FOUND"],
      }),
    },
    "/api/v1/log": { get: LOG },
    "/api/v1/head": { get: HEAD },
    "/api/v1/sequencer": {
      get: operation({
        summary: "What receipts are checked against.",
        isPublic: true,
        answer: whole({
          ...signer("Signs the receipts of now."),
          algorithm: { const: "ed25519" },
          log_id: UUID,
          epoch: { type: "integer", minimum: 1 },
          former: {
            type: "array",
            items: whole(signer("Signed receipts before.")),
            description: "Newest first. A receipt is genuine when one of these keys or that of now signed it.",
          },
        }),
      }),
    },
    "/api/v1/agents/keys": KEY_COLLECTION,
    "/api/v1/agents/keys/{key_id}": KEY_ITEM,
    "/api/v1/agents/keys/revoke": {
      post: operation({
        summary: "Revoke an agent key, at once and for ever.",
        body: object(["tenantId", "agentId", "keyId"], {
          tenantId: UUID,
          agentId: UUID,
          keyId: KEY_ID,
          keyAlgorithm: { enum: [1, 2], default: 1 },
          reason: { type: "string", maxLength: 1024 },
        }),
        answer: KEY_REVOKED,
        refusals: ["AGENT_KEY_NOT_FOUND"],
      }),
    },
    "/api/v1/agent-keys": KEY_COLLECTION,
    "/api/v1/agent-keys/{key_id}": KEY_ITEM,
    "/api/v1/admin/api-keys": {
      post: NEW_API_KEY,
      get: operation({
        summary: "List API keys. An admin of some stores or of one agent sees the keys that reach no further.",
        parameters: [query("tenant_id", UUID, "Tenant; absent = all the credential covers."), ...KEY_PAGE],
        answer: list("ApiKey", "keys", { next: NEXT }),
      }),
    },
    "/api/v1/admin/api-keys/{key_hash_prefix}": {
      delete: operation({
        summary: "Revoke an API key at once, one that the list shows; its subscriptions end with 1008.",
        parameters: [pathParameter("key_hash_prefix", "16 to 64 hex digits.")],
        answer: { allOf: [ref("ApiKey"), whole({ success: { const: true }, message: { type: "string" } })] },
        refusals: ["RESOURCE_NOT_FOUND"],
      }),
    },
    ...LEGACY_PATHS,
    ...COMMITMENT_PATHS,
    ...PROOF_PATHS,
    ...TLOG_PATHS,
    ...OPERATIONS,
  }),
  components: {
    ...SHARED,
    securitySchemes: {
      apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
      authorization: {
        type: "apiKey",
        in: "header",
        name: "Authorization",
        description:
          "ApiKey ss_…, Bearer ss_… or Bearer <JWT>: HS256 with iss, aud, iat, exp; sub, the tenant's id; perms, a comma list of read, write, admin; stores, a comma list of store ids, absent = every store; agent, an agent's id, absent = any.",
      },
    },
    schemas: { ...SCHEMAS, ...PROOF_SCHEMAS },
  },
};
