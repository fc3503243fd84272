import { randomBytes } from "node:crypto";
import type { Uuid } from "../base/ids.js";
import { API_KEY_PREFIX } from "./credential.js";

const SECRET_BYTES = 24;

/** `ss_` + first 8 characters of the tenant id + 24 random bytes as base64url: 43 characters (wire-api B.2). */
export function newApiKey(tenantId: Uuid): string {
  return `${API_KEY_PREFIX}${tenantId.slice(0, 8)}${randomBytes(SECRET_BYTES).toString("base64url")}`;
}
