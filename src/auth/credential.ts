/**
 * Where a request carries its credential (wire-api B.1, requirement SEC-06). A browser cannot set headers on a WebSocket:
 * there the key travels as a subprotocol. Never in the URL, which ends up in logs.
 */
import { CodedError } from "../base/errors.js";
import { KEY_PROTOCOL_PREFIX } from "../protocol/subprotocols.js";

export const API_KEY_PREFIX = "ss_";

export type Credential =
  | { readonly kind: "api_key"; readonly text: string }
  | { readonly kind: "token"; readonly text: string };

export interface CredentialHeaders {
  header(name: string): string | undefined;
  readonly protocols?: readonly string[];
}

/** `Authorization` wins over `x-api-key`, even when it is useless. Throws AUTH_REQUIRED. */
export function readCredential(request: CredentialHeaders): Credential {
  const authorization = request.header("authorization");
  if (authorization !== undefined) return readAuthorization(authorization);
  const key = request.header("x-api-key") ?? keyProtocol(request.protocols);
  if (key === undefined || key === "") throw authRequired();
  return { kind: "api_key", text: key };
}

function readAuthorization(value: string): Credential {
  if (value.startsWith(API_KEY_PREFIX)) return { kind: "api_key", text: value };
  const space = value.indexOf(" ");
  const text = value.slice(space + 1);
  if (space === -1 || text === "" || text.includes(" ")) throw authRequired();
  const name = value.slice(0, space).toLowerCase();
  if (name === "apikey") return { kind: "api_key", text };
  if (name === "bearer") return { kind: text.startsWith(API_KEY_PREFIX) ? "api_key" : "token", text };
  throw authRequired();
}

function keyProtocol(protocols: readonly string[] | undefined): string | undefined {
  return protocols?.find((name) => name.startsWith(KEY_PROTOCOL_PREFIX))?.slice(KEY_PROTOCOL_PREFIX.length);
}

function authRequired(): CodedError {
  return new CodedError("AUTH_REQUIRED", "send Authorization: ApiKey <key>, Authorization: Bearer <key>, or x-api-key");
}
