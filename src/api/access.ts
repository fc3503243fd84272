import type { Authenticator } from "../auth/authenticator.js";
import type { Principal } from "../auth/principal.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";

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
    admit: (request) => authenticator.authenticate(request),
    handle: (request) => {
      const principal = authenticator.authenticate(request);
      return principal instanceof Promise
        ? principal.then((known) => handle(request, known))
        : handle(request, principal);
    },
  };
}

export type RouteMaker = (path: string, handle: AuthenticatedHandler) => Route;

/** The two kinds of route a JSON resource has, behind a credential. */
export function jsonRoutes(authenticator: Authenticator): { readonly get: RouteMaker; readonly post: RouteMaker } {
  return {
    get: (path, handle) => authenticated(authenticator, { method: "GET", path }, handle),
    post: (path, handle) => authenticated(authenticator, { method: "POST", path, body: "json" }, handle),
  };
}
