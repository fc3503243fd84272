/** Agent key routes on every path the sources name (KEY-01..09). Registrations and revocations go through the lane. */
import type { Authenticator } from "../auth/authenticator.js";
import type { Principal } from "../auth/principal.js";
import type { Clock } from "../base/clock.js";
import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import { agentKeyView } from "../keys/agent-key-view.js";
import {
  type KeyProof,
  type KeyRegistration,
  proveRegistration,
  type RegistrationPolicy,
} from "../keys/prove-registration.js";
import type { Lane } from "../lane/lane.js";
import type { RevokedAgentKey } from "../lane/lane-item.js";
import {
  type AgentKey,
  KEY_PURPOSE_ENCRYPTION,
  KEY_PURPOSE_SIGNING,
  type KeyPurpose,
  type LogReader,
} from "../store/contract.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import { authorizeAdmin, authorizeAgent, authorizeRead, coversTenant, type Scope } from "../verify/scope.js";
import { authenticated, keyChangeFlow } from "./access.js";
import { optional, readBody, required, text, time, uuid } from "./body.js";
import { cappedInteger, KEYS_LIMIT, optionalText, requiredUuid } from "./query.js";
import { jsonReply } from "./reply.js";

export interface AgentKeyRoutesOptions {
  readonly authenticator: Authenticator;
  readonly lane: Lane;
  readonly reader: LogReader;
  readonly policy: RegistrationPolicy;
  readonly clock: Clock;
  onRevoked(key: RevokedAgentKey): void;
}

const COLLECTIONS = ["/api/v1/agents/keys", "/api/v1/agent-keys"] as const;

export function agentKeyRoutes(options: AgentKeyRoutesOptions): Route[] {
  const { authenticator } = options;
  const routes = COLLECTIONS.flatMap((path) => [
    authenticated(authenticator, { method: "POST", path, body: "json" }, (request, principal) =>
      register(options, request, principal),
    ),
    authenticated(authenticator, { method: "GET", path }, (request, { scope }) => list(options, request, scope)),
    authenticated(authenticator, { method: "DELETE", path: `${path}/{key_id}` }, (request, principal) => {
      return revokeByPath(options, request, principal);
    }),
  ]);
  const revoke = { method: "POST", path: "/api/v1/agents/keys/revoke", body: "json" } as const;
  return [
    ...routes,
    authenticated(authenticator, revoke, (request, principal) => revokeByBody(options, request, principal)),
  ];
}

const REGISTRATION = {
  tenantId: required(uuid, "tenantId", "tenant_id"),
  agentId: required(uuid, "agentId", "agent_id"),
  keyId: optional((cursor) => cursor.readU32(), "keyId", "key_id"),
  publicKey: required(text(256), "publicKey", "public_key"),
  keyAlgorithm: optional((cursor) => cursor.readI32(), "keyAlgorithm", "key_algorithm"),
  validFromMs: optional(time, "validFrom", "valid_from"),
  validToMs: optional(time, "validTo", "valid_to", "validUntil", "valid_until"),
  proofOfPossession: optional(text(256), "proofOfPossession", "proof_of_possession"),
  signingKeyId: optional((cursor) => cursor.readU32(), "signingKeyId", "signing_key_id"),
};

async function register(
  options: AgentKeyRoutesOptions,
  { body }: HttpRequest,
  { scope, credential: by }: Principal,
): Promise<HttpReply> {
  const { keyAlgorithm, proofOfPossession, signingKeyId, ...named } = readBody(body, REGISTRATION);
  authorizeKeyChange(scope, named.tenantId, named.agentId);
  const registration: KeyRegistration = { ...named, purpose: purposeOf(keyAlgorithm) };
  const proof: KeyProof = { proofOfPossession, signingKeyId };
  const proven = await proveRegistration(registration, proof, { ...options, mayOmitProof: scope.canAdmin });
  const stored = await options.lane.command<AgentKey>(
    { kind: "register_agent_key", ...proven, by },
    { flow: keyChangeFlow(scope) },
  );
  return jsonReply({
    success: true,
    tenantId: stored.tenantId,
    agentId: stored.agentId,
    keyId: stored.keyId,
    keyAlgorithm: stored.purpose,
    message: "Agent key registered successfully",
  });
}

/** `?tenant_id&agent_id&limit&after`: signing keys first, each kind by its ids. */
async function list(
  { reader, clock }: AgentKeyRoutesOptions,
  { query }: HttpRequest,
  scope: Scope,
): Promise<HttpReply> {
  const tenantId = requiredUuid(query, "tenant_id");
  const agentId = requiredUuid(query, "agent_id");
  authorizeRead(scope, tenantId, null);
  const limit = cappedInteger(query, "limit", KEYS_LIMIT);
  const { keys, hasMore } = await reader.agentKeys({ tenantId, agentId, after: readAfter(query), limit });
  const last = keys.at(-1);
  const next = hasMore && last !== undefined ? `${last.purpose}.${last.keyId}` : null;
  return jsonReply({ keys: keys.map((key) => agentKeyView(key, clock.nowMs())), count: keys.length, next });
}

/** `next` of the page before: a key's algorithm and id. */
function readAfter(query: URLSearchParams): { purpose: KeyPurpose; keyId: number } | null {
  const text = optionalText(query, "after");
  if (text === null) return null;
  const parts = /^([12])\.(\d{1,10})$/.exec(text);
  if (parts === null) throw new CodedError("INVALID_FIELD_VALUE", "query parameter after must be `next` of a page");
  return { purpose: Number(parts[1]) as KeyPurpose, keyId: Number(parts[2]) };
}

const REVOCATION = {
  tenantId: required(uuid, "tenantId", "tenant_id"),
  agentId: required(uuid, "agentId", "agent_id"),
  keyId: required((cursor) => cursor.readU32(), "keyId", "key_id"),
  keyAlgorithm: optional((cursor) => cursor.readI32(), "keyAlgorithm", "key_algorithm"),
  reason: optional(text(1024), "reason"),
};

function revokeByBody(options: AgentKeyRoutesOptions, { body }: HttpRequest, principal: Principal): Promise<HttpReply> {
  const { tenantId, agentId, keyId, keyAlgorithm, reason } = readBody(body, REVOCATION);
  return revoke(options, principal, { tenantId, agentId, keyId, purpose: purposeOf(keyAlgorithm) }, reason);
}

function revokeByPath(options: AgentKeyRoutesOptions, request: HttpRequest, principal: Principal): Promise<HttpReply> {
  const { query, params } = request;
  if (!/^\d{1,10}$/.test(params.key_id!)) throw new CodedError("INVALID_FIELD_VALUE", "key_id must be an integer");
  const algorithm = cappedInteger(query, "key_algorithm", { default: KEY_PURPOSE_SIGNING, min: 0, max: 255 });
  const ref = {
    tenantId: requiredUuid(query, "tenant_id"),
    agentId: requiredUuid(query, "agent_id"),
    keyId: Number(params.key_id),
    purpose: purposeOf(algorithm),
  };
  return revoke(options, principal, ref, null);
}

interface KeyRef {
  readonly tenantId: Uuid;
  readonly agentId: Uuid;
  readonly keyId: number;
  readonly purpose: KeyPurpose;
}

async function revoke(
  { lane, onRevoked }: AgentKeyRoutesOptions,
  { scope, credential: by }: Principal,
  ref: KeyRef,
  reason: string | null,
): Promise<HttpReply> {
  authorizeKeyChange(scope, ref.tenantId, ref.agentId);
  const flow = keyChangeFlow(scope);
  const key = await lane.command<RevokedAgentKey>({ kind: "revoke_agent_key", ref, reason, by }, { flow });
  onRevoked(key);
  return jsonReply({
    success: true,
    tenantId: key.tenantId,
    agentId: key.agentId,
    keyId: key.keyId,
    revokedAt: new Date(key.revokedAtMs).toISOString(),
    message: "Agent key revoked successfully",
  });
}

/** Admins of the tenant, and an agent for itself with a credential bound to it. A bound credential changes no other agent's keys. */
function authorizeKeyChange(scope: Scope, tenantId: Uuid, agentId: Uuid): void {
  const isSelf = scope.agentId === agentId && scope.canWrite && coversTenant(scope, tenantId);
  if (!isSelf) authorizeAdmin(scope, tenantId);
  authorizeAgent(scope, agentId);
}

/** Key algorithm codes (ves-protocol §10): 0 and 1 Ed25519, 2 X25519; the post-quantum ones are not taken. */
function purposeOf(algorithm: number | null): KeyPurpose {
  if (algorithm === null || algorithm === 0 || algorithm === 1) return KEY_PURPOSE_SIGNING;
  if (algorithm === 2) return KEY_PURPOSE_ENCRYPTION;
  throw new CodedError("INVALID_FIELD_VALUE", `key_algorithm ${algorithm} is not allowed under the legacy profile`);
}
