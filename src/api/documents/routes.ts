import type { Route } from "../../transport/http.js";
import { jsonReply } from "../reply.js";

/** `GET /openapi.json` and `GET /asyncapi.json`. Public: they hold nothing but the surface. Built when first asked for. */
export function documentRoutes(): Route[] {
  return [
    { method: "GET", path: "/openapi.json", handle: async () => jsonReply((await import("./openapi.js")).openapi) },
    { method: "GET", path: "/asyncapi.json", handle: async () => jsonReply((await import("./asyncapi.js")).asyncapi) },
  ];
}
