import type { Authenticator } from "../auth/authenticator.js";
import type { Principal } from "../auth/principal.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import type { Scope } from "../verify/scope.js";

export type AuthenticatedHandler = (request: HttpRequest, principal: Principal) => HttpReply | Promise<HttpReply>;

/**
 * A route behind a credential: nobody without one has a body held for them. What the credential may do is the handler's
 * question.
 */
export function authenticated(
  authenticator: Authenticator,
  route: Omit<Route, "handle">,
  handle: AuthenticatedHandler,
): Route {
  return {
    ...route,
    admit: (request) => {
      const principal = authenticator.authenticate(request);
      return principal instanceof Promise ? principal.then(flowOf) : flowOf(principal);
    },
    handle: (request) => {
      const principal = authenticator.authenticate(request);
      return principal instanceof Promise
        ? principal.then((known) => handle(request, known))
        : handle(request, principal);
    },
  };
}

/** Bodies in parts are their tenant's. */
function flowOf({ scope }: Principal): string {
  return scope.tenantId ?? "";
}

/**
 * Changes of agents' keys and of API keys of one tenant share the queue in front of the lane with its events and with other
 * tenants: see `ingest.ts`.
 */
export function keyChangeFlow({ tenantId }: Scope): string {
  return `${tenantId ?? ""}/keys`;
}

export type RouteMaker = (path: string, handle: AuthenticatedHandler) => Route;

/** The two kinds of route a JSON resource has, behind a credential. */
export function jsonRoutes(authenticator: Authenticator): { readonly get: RouteMaker; readonly post: RouteMaker } {
  return {
    get: (path, handle) => authenticated(authenticator, { method: "GET", path }, handle),
    post: (path, handle) => authenticated(authenticator, { method: "POST", path, body: "json" }, handle),
  };
}
