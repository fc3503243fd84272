import { expect, test } from "vitest";
import type { Route } from "../../../src/transport/http.js";
import { Router } from "../../../src/transport/router.js";

function route(method: Route["method"], path: string): Route {
  return { method, path, handle: () => ({ status: 200, body: "" }) };
}

const router = new Router([
  route("GET", "/"),
  route("GET", "/events/{event_id}"),
  route("GET", "/events/latest"),
  route("POST", "/events/{id}/acks"),
  route("DELETE", "/events/{event_id}"),
  route("GET", "/events/latest/raw"),
  route("GET", "/admin/"),
  route("PUT", "/tenants/{tenant}/stores/{store}"),
]);

test.each([
  ["GET", "/", "/", {}],
  ["GET", "/events/7", "/events/{event_id}", { event_id: "7" }],
  ["HEAD", "/events/7", "/events/{event_id}", { event_id: "7" }],
  ["GET", "/events/latest", "/events/latest", {}],
  ["POST", "/events/latest/acks", "/events/{id}/acks", { id: "latest" }],
  ["GET", "/admin/", "/admin/", {}],
  ["PUT", "/tenants/a%2Fb/stores/%C3%A9", "/tenants/{tenant}/stores/{store}", { tenant: "a/b", store: "é" }],
  ["GET", "/events/__proto__", "/events/{event_id}", { event_id: "__proto__" }],
])("%s %s is answered by %s", (method, path, pattern, params) => {
  const match = router.match(method, path);
  expect(match).toMatchObject({ kind: "found", route: { path: pattern } });
  expect(match).toHaveProperty("params", params);
});

test.each([
  "/events",
  "/events/",
  "/events/7/",
  "//events/7",
  "/Events/7",
  "/admin",
  "",
  "*",
  "events/7",
  "/events/7/acks/1",
])("%j has no route", (path) => {
  expect(router.match("GET", path).kind).toBe("not-found");
});

test("a known path with another method lists what is allowed", () => {
  expect(router.match("PUT", "/events/7")).toEqual({ kind: "method-not-allowed", allow: "DELETE, GET, HEAD" });
  expect(router.match("HEAD", "/events/7/acks")).toEqual({ kind: "method-not-allowed", allow: "POST" });
  // The static segment owns its path also where only the parameter knows the method.
  expect(router.match("DELETE", "/events/latest")).toEqual({ kind: "method-not-allowed", allow: "GET, HEAD" });
});

test.each(["%", "%zz", "%C3", "%c3%28"])("parameter %j is refused as badly encoded", (value) => {
  expect(() => router.match("GET", `/events/${value}`)).toThrow(
    expect.objectContaining({ code: "INVALID_FIELD_VALUE", message: expect.stringContaining("event_id") }),
  );
});

test.each([
  [[route("GET", "/a/{x}"), route("GET", "/a/{y}")], /declared twice/],
  [[route("GET", "a")], /start with/],
  [[route("GET", "/a/{x}y")], /Malformed parameter/],
  [[route("GET", "/a/{}")], /Malformed parameter/],
])("a route table that cannot work is refused at start", (routes, message) => {
  expect(() => new Router(routes)).toThrow(message);
});
