/**
 * Policies (section 6.4): which amounts a compliance proof may show, and the hash that binds a policy to an event.
 * Numbers above 2^53-1 are refused: the two originals hash them differently, so no proof could match (finding F6).
 */
import { toHex } from "../base/bytes.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import { jsonDigest } from "./digest.js";
import type { ExactJsonObject } from "./exact-json.js";

export type PolicyId = "aml.threshold" | "order_total.cap" | "agent.authorization.v1" | "agent.budget.v1";

export interface Policy {
  readonly policyId: PolicyId;
  /** Threshold, cap, maxTotal or budgetLimit as stated. */
  readonly limit: bigint;
  /** Only for agent.authorization.v1: 64 lower-case hex digits. */
  readonly intentHash: string | null;
}

/** Largest integer on which both canonicalisers of the original agree. */
export const SAFE_INTEGER_MAX = 2n ** 53n - 1n;

const POLICY_HASH_DOMAIN = "STATESET_VES_COMPLIANCE_POLICY_HASH_V1";

/** Name of the limit in `policyParams`. */
const LIMIT_KEY: Readonly<Record<PolicyId, string>> = {
  "aml.threshold": "threshold",
  "order_total.cap": "cap",
  "agent.authorization.v1": "maxTotal",
  "agent.budget.v1": "budgetLimit",
};

export function isPolicyId(text: string): text is PolicyId {
  return Object.hasOwn(LIMIT_KEY, text);
}

/** Reads a policy from its identifier and parameters. Extra keys are allowed; they change the hash only. */
export function parsePolicy(policyId: string, policyParams: ExactJsonObject): Policy {
  if (!isPolicyId(policyId)) throw new ComplianceInputError(`unknown policy ${policyId.slice(0, 64)}`);
  const key = LIMIT_KEY[policyId];
  const limit = policyParams[key];
  if (typeof limit !== "bigint" || limit < 0n) {
    throw new ComplianceInputError(`policyParams.${key} must be an unsigned integer`);
  }
  if (limit > SAFE_INTEGER_MAX) throw new ComplianceInputError(`policyParams.${key} must not exceed 2^53-1`);
  const intentHash = policyId === "agent.authorization.v1" ? normaliseIntentHash(policyParams.intentHash) : null;
  return { policyId, limit, intentHash };
}

/** Trimmed, without 0x, lower case, 64 hex digits. */
function normaliseIntentHash(value: unknown): string {
  const text = typeof value === "string" ? value.trim().replace(/^0x/, "").toLowerCase() : "";
  if (!/^[0-9a-f]{64}$/.test(text)) throw new ComplianceInputError("policyParams.intentHash must be 64 hex digits");
  return text;
}

export function policyParams(policy: Policy): ExactJsonObject {
  const params = { [LIMIT_KEY[policy.policyId]]: policy.limit };
  return policy.intentHash === null ? params : { ...params, intentHash: policy.intentHash };
}

/** Largest compliant amount: the threshold is exclusive, every other limit inclusive. */
export function effectiveLimit(policy: Policy): bigint {
  if (policy.policyId !== "aml.threshold") return policy.limit;
  if (policy.limit === 0n) throw new ComplianceInputError("policyParams.threshold must not be 0");
  return policy.limit - 1n;
}

export function policyHash(policyId: string, params: ExactJsonObject): Uint8Array {
  return jsonDigest(POLICY_HASH_DOMAIN, { policyId, policyParams: params });
}

export function policyHashHex(policyId: string, params: ExactJsonObject): string {
  return toHex(policyHash(policyId, params));
}

export function samePolicy(a: Policy, b: Policy): boolean {
  return a.policyId === b.policyId && a.limit === b.limit && a.intentHash === b.intentHash;
}
