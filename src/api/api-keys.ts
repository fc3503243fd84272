/** Admin routes for API keys (SEC-01). The key's text is in the answer that creates it and nowhere else. */
import { type Authenticator, hashApiKey } from "../auth/authenticator.js";
import { newApiKey } from "../auth/new-api-key.js";
import type { Principal } from "../auth/principal.js";
import { CodedError } from "../base/errors.js";
import { NIL_UUID } from "../base/ids.js";
import type { Broadcaster } from "../broadcast/broadcaster.js";
import type { Lane } from "../lane/lane.js";
import type { ApiKey, LogReader } from "../store/contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { authorizeAdmin, coversAgent, type Scope } from "../verify/scope.js";
import { authenticated, keyChangeFlow } from "./access.js";
import { optional, readBody, required, text, uuid, uuids } from "./body.js";
import { cappedInteger, KEYS_LIMIT, optionalText, optionalUuid } from "./query.js";
import { jsonReply } from "./reply.js";

export interface ApiKeyRoutesOptions {
  readonly authenticator: Authenticator;
  readonly lane: Lane;
  readonly reader: LogReader;
  readonly broadcaster: Broadcaster;
}

const COLLECTION = "/api/v1/admin/api-keys";
const PREFIX_CHARACTERS = 16;
/** Stores one key may name: its scope travels with every request it sends. */
const STORE_IDS_MAX = 1000;

export function apiKeyRoutes(options: ApiKeyRoutesOptions): Route[] {
  const { authenticator } = options;
  return [
    authenticated(authenticator, { method: "POST", path: COLLECTION, body: "json" }, (request, principal) =>
      create(options, request, principal),
    ),
    authenticated(authenticator, { method: "GET", path: COLLECTION }, (request, { scope }) =>
      list(options, request, scope),
    ),
    authenticated(
      authenticator,
      { method: "DELETE", path: `${COLLECTION}/{key_hash_prefix}` },
      (request, principal) => {
        return revoke(options, request, principal);
      },
    ),
  ];
}

const PERMISSIONS = {
  read: { canRead: true, canWrite: false, canAdmin: false },
  read_write: { canRead: true, canWrite: true, canAdmin: false },
  admin: { canRead: true, canWrite: true, canAdmin: true },
} as const;

type PermissionName = keyof typeof PERMISSIONS;

const NEW_KEY = {
  tenantId: required(uuid, "tenantId", "tenant_id"),
  storeIds: optional(uuids(STORE_IDS_MAX), "storeIds", "store_ids"),
  agentId: optional(uuid, "agentId", "agent_id"),
  permissions: optional((cursor) => {
    const name = cursor.readString();
    return Object.hasOwn(PERMISSIONS, name)
      ? (name as PermissionName)
      : cursor.fail("expected read, read_write or admin");
  }, "permissions"),
  label: optional(text(128), "label"),
};

async function create(
  options: ApiKeyRoutesOptions,
  { body }: HttpRequest,
  { scope, credential: by }: Principal,
): Promise<HttpReply> {
  const { tenantId, storeIds, agentId, permissions, label } = readBody(body, NEW_KEY);
  authorizeAdmin(scope, tenantId);
  if (tenantId === NIL_UUID)
    throw new CodedError("INVALID_FIELD_VALUE", "tenantId must not be nil", { pointer: "/tenantId" });
  const permission = PERMISSIONS[permissions ?? "read_write"];
  checkNotWider(scope, { storeIds: storeIds ?? [], agentId, ...permission });
  const apiKey = newApiKey(tenantId);
  const facts = { keyHash: hashApiKey(apiKey), tenantId, storeIds: storeIds ?? [], agentId, ...permission, label };
  const flow = keyChangeFlow(scope);
  const key = await options.lane.command<ApiKey>({ kind: "create_api_key", key: facts, by }, { flow });
  return jsonReply({ success: true, apiKey, ...apiKeyView(key), message: "Keep this key: it is not shown again" });
}

/** A key never opens more than the one that made it. */
function checkNotWider(scope: Scope, asked: Omit<Scope, "tenantId">): void {
  // A token may hold `admin` alone (wire-api B.3).
  if ((asked.canRead && !scope.canRead) || (asked.canWrite && !scope.canWrite)) {
    throw new CodedError("INSUFFICIENT_PERMISSIONS", "Cannot mint a key with broader permissions");
  }
  if (!isWithinStores(scope, asked))
    throw new CodedError("INSUFFICIENT_PERMISSIONS", "Cannot widen store scope beyond the authenticating key");
  if (!coversAgent(scope, asked.agentId))
    throw new CodedError("INSUFFICIENT_PERMISSIONS", "Cannot widen agent scope beyond the authenticating key");
}

type Place = Pick<Scope, "storeIds" | "agentId">;

function isWithinStores({ storeIds }: Scope, key: Place): boolean {
  return storeIds.length === 0 || (key.storeIds.length > 0 && key.storeIds.every((id) => storeIds.includes(id)));
}

/**
 * A key that reaches beyond the stores or the agent of whoever asks does not exist for them: the admin of one store sees
 * and revokes that store's keys, not those of the tenant.
 */
function mayManage(scope: Scope, key: Place): boolean {
  return isWithinStores(scope, key) && coversAgent(scope, key.agentId);
}

/** `?tenant_id&limit&after`, by their hash: `after` is the prefix of one, as `next` of the page before. */
async function list({ reader }: ApiKeyRoutesOptions, { query }: HttpRequest, scope: Scope): Promise<HttpReply> {
  const tenantId = optionalUuid(query, "tenant_id") ?? scope.tenantId;
  authorizeAdmin(scope, tenantId);
  const after = optionalText(query, "after");
  if (after !== null) checkPrefix(after);
  const limit = cappedInteger(query, "limit", KEYS_LIMIT);
  const { keys, hasMore } = await reader.apiKeys({ tenantId, after, limit });
  const next = hasMore ? (keys.at(-1)?.keyHash.slice(0, PREFIX_CHARACTERS) ?? null) : null;
  const shown = keys.filter((key) => mayManage(scope, key));
  return jsonReply({ keys: shown.map(apiKeyView), count: shown.length, next });
}

function checkPrefix(prefix: string): void {
  if (/^[0-9a-f]{16,64}$/.test(prefix)) return;
  throw new CodedError(
    "INVALID_FIELD_VALUE",
    `the key's hash prefix is ${PREFIX_CHARACTERS} to 64 lower-case hex digits`,
  );
}

async function revoke(
  options: ApiKeyRoutesOptions,
  { params }: HttpRequest,
  { scope, credential: by }: Principal,
): Promise<HttpReply> {
  const { reader, lane, authenticator, broadcaster } = options;
  const prefix = params.key_hash_prefix!;
  authorizeAdmin(scope, scope.tenantId);
  checkPrefix(prefix);
  const found = await reader.apiKeyByPrefix(scope.tenantId, prefix);
  if (found === null || !mayManage(scope, found)) throw new CodedError("RESOURCE_NOT_FOUND", "API key not found");
  const { keyHash } = found;
  const flow = keyChangeFlow(scope);
  const key = await lane.command<ApiKey>({ kind: "revoke_api_key", keyHash, by }, { flow });
  authenticator.forget(key.keyHash);
  broadcaster.endCredential(key.keyHash);
  return jsonReply({ success: true, ...apiKeyView(key), message: "API key revoked successfully" });
}

function apiKeyView(key: ApiKey): Record<string, unknown> {
  return {
    keyHashPrefix: key.keyHash.slice(0, PREFIX_CHARACTERS),
    tenantId: key.tenantId,
    storeIds: key.storeIds,
    agentId: key.agentId,
    permissions: key.canAdmin ? "admin" : key.canWrite ? "read_write" : "read",
    label: key.label,
    active: key.revokedAtMs === null,
    createdAt: new Date(key.createdAtMs).toISOString(),
    revokedAt: key.revokedAtMs === null ? null : new Date(key.revokedAtMs).toISOString(),
  };
}
