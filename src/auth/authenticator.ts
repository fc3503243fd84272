/**
 * Turns a credential into a principal. API keys are known by their SHA-256 only and cached; a revocation drops the cached
 * one and ends a lookup of it that is under way, so nothing revives a revoked key and no subscription opens on one after its
 * subscriptions were ended. It is final, so what it overtakes is refused, and lookups of other keys go on.
 */
import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { CodedError } from "../base/errors.js";
import type { LogReader } from "../store/contract.js";
import { API_KEY_PREFIX, type CredentialHeaders, readCredential } from "./credential.js";
import type { JwtOptions } from "./jwt.js";
import { isOfThisMachine } from "./loopback.js";
import { BOOTSTRAP_SCOPE, type Principal, scopeOf } from "./principal.js";

export interface AuthenticatorOptions {
  readonly reader: LogReader;
  /** SHA-256 (hex) of the bootstrap admin key. */
  readonly bootstrapKeyHash: string;
  readonly jwt: JwtOptions | null;
  /** AUTH_MODE=disabled: whoever is not authenticated is the bootstrap admin. */
  readonly isOpen: boolean;
}

/** API keys remembered between requests. */
const CACHED_KEYS_MAX = 10_000;

const OPEN_ACCESS: Principal = { scope: BOOTSTRAP_SCOPE, credential: null, expiresAtMs: null };

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #cache = new LRUCache<string, Principal>({ max: CACHED_KEYS_MAX });
  /** Lookups under way, by the key's hash: who asks for the same key meanwhile waits for the same answer. */
  readonly #lookups = new Map<string, Promise<Principal>>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** At once for a known API key. Throws or rejects with AUTH_REQUIRED, INVALID_API_KEY, INVALID_TOKEN, TOKEN_EXPIRED. */
  authenticate(request: CredentialHeaders): Principal | Promise<Principal> {
    try {
      const { kind, text } = readCredential(request);
      const principal = kind === "api_key" ? this.#byApiKey(text) : this.#byToken(text);
      return principal instanceof Promise ? principal.catch((error) => this.#openAccess(error, request)) : principal;
    } catch (error) {
      return this.#openAccess(error, request);
    }
  }

  /** Call when a revocation is durable, before it is answered. */
  forget(keyHash: string): void {
    this.#lookups.delete(keyHash);
    this.#cache.delete(keyHash);
  }

  /** What is left to somebody who was not authenticated because of `error`; throws it where that is nothing. */
  #openAccess(error: unknown, request: CredentialHeaders): Principal {
    if (!this.#options.isOpen || !(error instanceof CodedError)) throw error;
    if (isOfThisMachine(request)) return OPEN_ACCESS;
    throw new CodedError(
      "AUTH_REQUIRED",
      "open access is for this machine: Host, and Origin if sent, must name loopback",
    );
  }

  #byApiKey(text: string): Principal | Promise<Principal> {
    if (!text.startsWith(API_KEY_PREFIX)) throw invalidApiKey();
    const keyHash = hashApiKey(text);
    return this.#cache.get(keyHash) ?? this.#lookups.get(keyHash) ?? this.#remember(keyHash);
  }

  #remember(keyHash: string): Promise<Principal> {
    const isCurrent = (): boolean => this.#lookups.get(keyHash) === lookup;
    const lookup = this.#lookUp(keyHash)
      .then((principal) => {
        // It was revoked meanwhile: what was read before that opens nothing any more.
        if (!isCurrent()) throw invalidApiKey();
        this.#cache.set(keyHash, principal);
        return principal;
      })
      .finally(() => {
        if (isCurrent()) this.#lookups.delete(keyHash);
      });
    this.#lookups.set(keyHash, lookup);
    return lookup;
  }

  async #lookUp(keyHash: string): Promise<Principal> {
    if (keyHash === this.#options.bootstrapKeyHash)
      return { scope: BOOTSTRAP_SCOPE, credential: keyHash, expiresAtMs: null };
    const key = await this.#options.reader.apiKey(keyHash);
    if (key === null || key.revokedAtMs !== null) throw invalidApiKey();
    return { scope: scopeOf(key), credential: keyHash, expiresAtMs: null };
  }

  async #byToken(token: string): Promise<Principal> {
    const { jwt } = this.#options;
    if (jwt === null) throw new CodedError("INVALID_TOKEN", "Invalid JWT");
    // Loaded with the first token: a service without them needs no JOSE.
    const { verifyJwt } = await import("./jwt.js");
    return { ...(await verifyJwt(token, jwt)), credential: null };
  }
}

export function hashApiKey(text: string): string {
  return hash("sha256", text, "hex");
}

function invalidApiKey(): CodedError {
  return new CodedError("INVALID_API_KEY", "Invalid API key");
}
