import { describe, expect, test } from "vitest";
import { ANY_ORIGIN, CrossOrigin, isOrigin } from "../../../src/transport/cross-origin.js";
import type { Route } from "../../../src/transport/http.js";
import { describeRequest, head, JSON_TYPE, SYNC_ROUTE, startTestServer, TRANSPORTS } from "./harness.js";

const APP = "https://app.example";
const OTHER = "https://app.example.evil";
const ROUTES: Route[] = [SYNC_ROUTE, { method: "POST", path: "/things", body: "json", handle: describeRequest }];
const ASK = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };

describe.each(TRANSPORTS)("%s transport", (transport) => {
  /** Status, and the headers that concern pages and caches, of the reply to one request. */
  async function ask(origins: readonly string[], request: string): Promise<Record<string, string>> {
    const policy = origins.length === 0 ? null : new CrossOrigin(origins);
    await using server = await startTestServer(transport, ROUTES, [], {}, policy);
    using client = server.open();
    const reply = await client.write(request).until((text) => text.includes("\r\n\r\n"));
    const [status, ...lines] = reply.slice(0, reply.indexOf("\r\n\r\n")).split("\r\n");
    const headers = lines.map((line) => line.split(": ") as [string, string]);
    const told = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
    return {
      status: status!.split(" ")[1]!,
      ...Object.fromEntries(told.filter(([name]) => /^(access-control-.*|vary)$/.test(name))),
    };
  }

  const readable = (origin: string): Record<string, string> => ({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "x-request-id, x-error-code, retry-after, etag",
  });
  const mayAsk = {
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": "authorization, x-api-key, content-type, x-request-id, if-none-match",
    "access-control-max-age": "3600",
  };
  const VARY = { vary: "origin" };

  test("without origins nothing is said, and a preflight is a method that is not allowed", async () => {
    expect(await ask([], head("GET", "/sync", { origin: APP }))).toEqual({ status: "200" });
    expect(await ask([], head("OPTIONS", "/things", { origin: APP, ...ASK }))).toEqual({ status: "405" });
  });

  test("a page that was named reads answers, and refusals of every kind", async () => {
    const all = { ...readable(APP), ...VARY };
    expect(await ask([APP], head("GET", "/sync", { origin: APP }))).toEqual({ status: "200", ...all });
    expect(await ask([APP], head("HEAD", "/sync", { origin: APP }))).toEqual({ status: "200", ...all });
    expect(await ask([APP], head("GET", "/nowhere", { origin: APP }))).toEqual({ status: "404", ...all });
    const tooMuch = head("POST", "/things", { origin: APP, "content-length": "9999999", ...JSON_TYPE });
    expect(await ask([APP], tooMuch)).toEqual({ status: "413", ...all });
    expect(await ask([APP], head("OPTIONS", "/things", { origin: APP }))).toEqual({ status: "405", ...all });
  });

  test("a preflight of a page that was named is answered wherever it goes", async () => {
    const said = { status: "204", ...readable(APP), ...mayAsk, ...VARY };
    expect(await ask(["https://b.example", APP], head("OPTIONS", "/things", { origin: APP, ...ASK }))).toEqual(said);
    expect(await ask([APP], head("OPTIONS", "/nowhere", { origin: APP, ...ASK }))).toEqual(said);
  });

  test.each([OTHER, "http://app.example", "https://APP.example", "null", "", "*"])(
    "%j reads nothing",
    async (origin) => {
      expect(await ask([APP], head("GET", "/sync", { origin }))).toEqual({ status: "200", ...VARY });
      expect(await ask([APP], head("OPTIONS", "/things", { origin, ...ASK }))).toEqual({ status: "405", ...VARY });
    },
  );

  test("a cache learns that the answer without an origin is not everybody's", async () => {
    expect(await ask([APP], head("GET", "/sync"))).toEqual({ status: "200", ...VARY });
  });

  test("any page reads where all are named", async () => {
    const all = readable(ANY_ORIGIN);
    expect(await ask([ANY_ORIGIN], head("GET", "/sync", { origin: OTHER }))).toEqual({ status: "200", ...all });
    const said = { status: "204", ...all, ...mayAsk };
    expect(await ask([ANY_ORIGIN], head("OPTIONS", "/things", { origin: "null", ...ASK }))).toEqual(said);
    expect(await ask([ANY_ORIGIN], head("GET", "/sync"))).toEqual({ status: "200" });
  });
});

test.each<[string, boolean]>([
  ["https://app.example", true],
  ["http://127.0.0.1:3000", true],
  ["http://[::1]:3000", true],
  ["capacitor://localhost", true],
  ["https://app.example/", false],
  ["https://app.example:443", false],
  ["https://App.example", false],
  ["https://müller.example", false],
  ["https://user@app.example", false],
  ["app.example", false],
  ["file:///x", false],
  ["null", false],
  ["*", false],
  ["https://*.example", false],
])("%j is an origin: %j", (text, is) => {
  expect(isOrigin(text)).toBe(is);
});
