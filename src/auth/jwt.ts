/** JSON Web Tokens as the original issues them (wire-api B.3): HS256, 60 s leeway, claims as text lists. */
import { errors, jwtVerify } from "jose";
import { CodedError } from "../base/errors.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import type { Scope } from "../verify/scope.js";

export interface JwtOptions {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
}

const LEEWAY_SECONDS = 60;

/** What a token opens, and until when. Throws TOKEN_EXPIRED or INVALID_TOKEN. */
export async function verifyJwt(token: string, options: JwtOptions): Promise<{ scope: Scope; expiresAtMs: number }> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(options.secret), {
      algorithms: ["HS256"],
      issuer: options.issuer,
      audience: options.audience,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["sub", "exp", "iat"],
    });
    return { scope: scopeOfClaims(payload), expiresAtMs: (payload.exp! + LEEWAY_SECONDS) * 1000 };
  } catch (error) {
    if (error instanceof CodedError) throw error;
    if (error instanceof errors.JWTExpired) throw new CodedError("TOKEN_EXPIRED", "Token expired");
    throw invalidToken();
  }
}

function scopeOfClaims(claims: Readonly<Record<string, unknown>>): Scope {
  const permissions = textList(claims.perms);
  return {
    tenantId: readId(claims.sub),
    storeIds: textList(claims.stores).map(readId),
    agentId: claims.agent === undefined || claims.agent === null ? null : readId(claims.agent),
    canRead: permissions.includes("read"),
    canWrite: permissions.includes("write"),
    canAdmin: permissions.includes("admin"),
  };
}

function textList(claim: unknown): string[] {
  if (claim === undefined || claim === "") return [];
  if (typeof claim !== "string") throw invalidToken();
  return claim.split(",");
}

function readId(claim: unknown): Uuid {
  const id = typeof claim === "string" ? parseUuid(claim) : null;
  if (id === null) throw invalidToken();
  return id;
}

function invalidToken(): CodedError {
  return new CodedError("INVALID_TOKEN", "Invalid JWT");
}
