import type { Route } from "../../transport/http.js";
import { jsonReply } from "../reply.js";
import { asyncapi } from "./asyncapi.js";
import { openapi } from "./openapi.js";

/** `GET /openapi.json` and `GET /asyncapi.json`. Public: they hold nothing but the surface. */
export function documentRoutes(): Route[] {
  return [
    { method: "GET", path: "/openapi.json", handle: () => jsonReply(openapi) },
    { method: "GET", path: "/asyncapi.json", handle: () => jsonReply(asyncapi) },
  ];
}
