/**
 * Who may do what, written once: for every operation of the OpenAPI document behind a credential, the permission it takes, how
 * far the credential must reach, and what is answered where it does not. `test/e2e/access-matrix.test.ts` holds every cell to it.
 */
import type { ErrorCode } from "../../src/base/errors.js";

export type Permission = "read" | "write" | "admin";

/** A credential as far as access depends on it. */
export interface Holder {
  readonly name: string;
  /** `Authorization`, null = none is sent. */
  readonly authorization: string | null;
  /** Why it opens nothing at all, null = it is good. */
  readonly refusal: ErrorCode | null;
  /** Of the whole service: every tenant. */
  readonly isBootstrap: boolean;
  readonly permissions: readonly Permission[];
  readonly isTenant: boolean;
  /** Every store of the tenant, or that of the target among others. */
  readonly isStore: boolean;
  /** Bound to no agent, to the target's, or to another one. */
  readonly agent: "any" | "own" | "other";
}

/** What must be covered: the whole service, the target's tenant, its stream, its agent (of every store), both, or nothing. */
type Reach = "service" | "tenant" | "stream" | "agent" | "stream and agent" | "nothing";

export interface Rule {
  /** Any of them is enough. */
  readonly takes: readonly Permission[];
  /** Taken beside the others: no key is minted that reads more than its maker. */
  readonly also?: Permission;
  readonly reach: Reach;
  /** The code of "there is none", where what is out of reach is not to be told from what never was. */
  readonly hidden?: ErrorCode;
  /** An agent's own keys: also whoever may write and is bound to that very agent. */
  readonly isForSelf?: boolean;
}

const stream = (takes: Permission): Rule => ({ takes: [takes], reach: "stream" });
const hidden = (code: ErrorCode, takes: Permission = "read"): Rule => ({ ...stream(takes), hidden: code });
const CHECK: Rule = { takes: ["read", "admin"], reach: "nothing" };
const AGENT_KEYS: Rule = { takes: ["read"], reach: "tenant" };
const KEY_CHANGE: Rule = { takes: ["admin"], reach: "agent", isForSelf: true };

export const RULES: Readonly<Record<string, Rule>> = {
  "POST /api/v1/ves/events/ingest": { takes: ["write"], reach: "stream and agent" },
  "GET /api/v1/ves/events": stream("read"),
  "GET /api/v1/ves/events/{event_id}": hidden("EVENT_NOT_FOUND"),
  "GET /api/v1/log": stream("read"),
  "GET /api/v1/head": stream("read"),
  "POST /api/v1/agents/keys": KEY_CHANGE,
  "GET /api/v1/agents/keys": AGENT_KEYS,
  "DELETE /api/v1/agents/keys/{key_id}": KEY_CHANGE,
  "POST /api/v1/agents/keys/revoke": KEY_CHANGE,
  "POST /api/v1/agent-keys": KEY_CHANGE,
  "GET /api/v1/agent-keys": AGENT_KEYS,
  "DELETE /api/v1/agent-keys/{key_id}": KEY_CHANGE,
  "POST /api/v1/admin/api-keys": { takes: ["admin"], also: "read", reach: "stream and agent" },
  "GET /api/v1/admin/api-keys": { takes: ["admin"], reach: "tenant" },
  "DELETE /api/v1/admin/api-keys/{key_hash_prefix}": {
    takes: ["admin"],
    reach: "stream and agent",
    hidden: "RESOURCE_NOT_FOUND",
  },
  "POST /api/v1/events/ingest": { takes: ["write"], reach: "stream and agent" },
  "GET /api/v1/events": stream("read"),
  "GET /api/v1/entities/{entity_type}/{entity_id}": stream("read"),
  "POST /api/v1/commitments": stream("write"),
  "GET /api/v1/commitments": stream("read"),
  "GET /api/v1/commitments/{batch_id}": hidden("BATCH_NOT_FOUND"),
  "GET /api/v1/proofs/{sequence_number}": stream("read"),
  "POST /api/v1/proofs/verify": CHECK,
  "POST /api/v1/ves/commitments": stream("write"),
  "GET /api/v1/ves/commitments": stream("read"),
  "GET /api/v1/ves/commitments/{batch_id}": hidden("BATCH_NOT_FOUND"),
  "GET /api/v1/ves/proofs/{sequence_number}": stream("read"),
  "GET /api/v1/ves/inclusion-proofs/{event_id}": hidden("EVENT_NOT_FOUND"),
  "POST /api/v1/ves/proofs/verify": CHECK,
  "GET /api/v1/ves/compliance/{event_id}/inputs": hidden("EVENT_NOT_FOUND"),
  "POST /api/v1/ves/compliance/{event_id}/inputs": hidden("EVENT_NOT_FOUND"),
  "GET /api/v1/ves/compliance/{event_id}/proofs": hidden("EVENT_NOT_FOUND"),
  "POST /api/v1/ves/compliance/{event_id}/proofs": hidden("EVENT_NOT_FOUND", "write"),
  "POST /api/v1/ves/compliance-proofs": hidden("EVENT_NOT_FOUND", "write"),
  "GET /api/v1/ves/compliance/proofs/{proof_id}": hidden("RESOURCE_NOT_FOUND"),
  "GET /api/v1/ves/compliance/proofs/{proof_id}/verify": hidden("RESOURCE_NOT_FOUND"),
  "GET /api/v1/ves/validity/{batch_id}/inputs": hidden("BATCH_NOT_FOUND"),
  "GET /api/v1/ves/validity/{batch_id}/proofs": hidden("BATCH_NOT_FOUND"),
  "POST /api/v1/ves/validity/{batch_id}/proofs": hidden("BATCH_NOT_FOUND", "admin"),
  "POST /api/v1/ves/validity-proofs": hidden("BATCH_NOT_FOUND", "admin"),
  "GET /api/v1/ves/validity/proofs/{proof_id}": hidden("RESOURCE_NOT_FOUND"),
  "GET /api/v1/ves/validity/proofs/{proof_id}/verify": hidden("RESOURCE_NOT_FOUND"),
  "GET /metrics": { takes: ["admin"], reach: "service" },
};

/** The code that a credential is refused with, null = it is let in. */
export function verdict(rule: Rule, holder: Holder): ErrorCode | null {
  if (holder.refusal !== null) return holder.refusal;
  const isSelf = rule.isForSelf === true && holder.agent === "own" && holder.permissions.includes("write");
  const isPermitted = isSelf || rule.takes.some((permission) => holder.permissions.includes(permission));
  const isAlso = rule.also === undefined || holder.permissions.includes(rule.also);
  if (!isPermitted || !isAlso) return "INSUFFICIENT_PERMISSIONS";
  return covers(rule.reach, holder) ? null : (rule.hidden ?? "INSUFFICIENT_PERMISSIONS");
}

function covers(reach: Reach, { isBootstrap, isTenant, isStore, agent }: Holder): boolean {
  if (isBootstrap || reach === "nothing") return true;
  if (reach === "service" || !isTenant) return false;
  if (reach === "tenant") return true;
  const isAgent = reach === "stream" || agent !== "other";
  return isAgent && (isStore || reach === "agent");
}
