import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CodedError } from "../../../src/base/errors.js";
import type { Route } from "../../../src/transport/http.js";
import {
  delay,
  describeRequest,
  eventually,
  gate,
  head,
  JSON_TYPE,
  problemOf,
  SYNC_ROUTE,
  startTestServer,
  type TestServer,
  TRANSPORTS,
} from "./harness.js";

describe.each(TRANSPORTS)("%s transport", (transport) => {
  let gated = gate<void>();
  let gatedCalls = 0;

  const routes: Route[] = [
    SYNC_ROUTE,
    { method: "GET", path: "/things/{thing_id}", handle: describeRequest },
    { method: "POST", path: "/things", body: "json", handle: describeRequest },
    { method: "PUT", path: "/things/{thing_id}", body: "json", handle: describeRequest },
    { method: "DELETE", path: "/things/{thing_id}", handle: () => ({ status: 204, body: "" }) },
    { method: "GET", path: "/empty", handle: () => ({ status: 200, body: "" }) },
    { method: "GET", path: "/unchanged", handle: () => ({ status: 304, headers: { etag: '"1"' }, body: "" }) },
    { method: "GET", path: "/long", handle: () => ({ status: 200, body: "x".repeat(100_000) }) },
    {
      method: "GET",
      path: "/teapot",
      handle: () => ({
        status: 418,
        headers: { "content-type": "text/plain", "cache-control": "max-age=9" },
        body: new Uint8Array([104, 105]),
      }),
    },
    {
      method: "GET",
      path: "/refused",
      handle: async () => {
        await sleep(1);
        throw new CodedError("OVERLOADED", "Come back later", { retryAfterSeconds: 3 });
      },
    },
    {
      method: "GET",
      path: "/broken",
      handle: () => {
        throw new Error("secret detail");
      },
    },
    {
      method: "GET",
      path: "/bad-header",
      handle: () => ({ status: 200, headers: { "x-a": "1\r\nx-b: 2" }, body: "" }),
    },
    {
      method: "GET",
      path: "/gated",
      handle: async () => {
        gatedCalls++;
        await gated.promise;
        return { status: 200, body: "late" };
      },
    },
  ];

  let running: TestServer;

  beforeAll(async () => {
    running = await startTestServer(transport, routes);
  });

  afterAll(() => running[Symbol.asyncDispose]());

  describe("requests", () => {
    test("the handler gets parameters, query, headers, peer and body", async () => {
      const response = await fetch(`${running.url}/things/a%20b?x=1&x=2&y=%C3%A9`, {
        method: "PUT",
        headers: { ...JSON_TYPE, "x-dup": "1" },
        body: '{"a":1}',
      });
      expect(await response.json()).toMatchObject({
        method: "PUT",
        path: "/things/a%20b",
        params: { thing_id: "a b" },
        query: [
          ["x", "1"],
          ["x", "2"],
          ["y", "é"],
        ],
        dup: "1",
        missing: null,
        remoteAddress: "127.0.0.1",
        body: '{"a":1}',
      });
    });

    test("a header sent twice is joined", async () => {
      using client = running.open();
      client.write("GET /things/1 HTTP/1.1\r\nhost: t\r\nX-Dup: a\r\nx-dup:  b \r\n\r\n");
      expect(await client.until((text) => text.endsWith("}"))).toContain('"dup":"a, b"');
    });

    test("every reply carries the fixed headers; the handler's own win", async () => {
      const plain = await fetch(`${running.url}/sync`);
      expect(Object.fromEntries(plain.headers)).toMatchObject({
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
        "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      const own = await fetch(`${running.url}/teapot`);
      expect(own.status).toBe(418);
      expect(own.headers.get("content-type")).toBe("text/plain");
      expect(own.headers.get("cache-control")).toBe("max-age=9");
      expect(await own.text()).toBe("hi");
    });

    test.each(["/sync", "/nowhere", "/broken"])("%s echoes a proper request id", async (path) => {
      const response = await fetch(running.url + path, { headers: { "x-request-id": "abc~!" } });
      expect(response.headers.get("x-request-id")).toBe("abc~!");
    });

    test.each(["has space", "x".repeat(129), "é"])("request id %j is replaced", async (id) => {
      const response = await fetch(`${running.url}/sync`, { headers: { "x-request-id": id } });
      expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    });

    test.each([
      ["/sync?n=four", 6],
      ["/empty", 0],
      ["/long", 100_000],
    ])("HEAD %s answers as GET would, without the body, and closes", async (path, bytes) => {
      running.records.length = 0;
      using client = running.open();
      client.write(head("HEAD", path));
      const received = (await client.closed()).toLowerCase();
      expect(received.match(/\r\ncontent-length: \d+/g)).toEqual([`\r\ncontent-length: ${bytes}`]);
      expect(received).toContain("\r\nconnection: close\r\n");
      expect(received.indexOf("\r\n\r\n")).toBe(received.length - 4);
      expect(running.records).toMatchObject([{ method: "HEAD", status: 200 }]);
      const missing = await fetch(`${running.url}/nowhere`, { method: "HEAD" });
      expect(missing.status).toBe(404);
      expect(await missing.text()).toBe("");
      expect((await (await fetch(running.url + path)).text()).length).toBe(bytes);
    });

    test("a reply without content has no length, and the connection goes on", async () => {
      using client = running.open();
      client.write(head("DELETE", "/things/7"));
      expect(await client.until((text) => text.includes("204 No Content"))).not.toContain("content-length: 0");
      client.write(head("GET", "/unchanged"));
      expect(await client.until((text) => text.includes("304 Not Modified"))).not.toContain("content-length: 0");
      client.write(head("GET", "/sync"));
      await client.until((text) => text.endsWith('"ok"'));
    });

    test("pipelined requests of handlers that answer at once are answered in order", async () => {
      using client = running.open();
      client.write([1, 2, 3].map((n) => head("GET", `/sync?n=${n}`)).join(""));
      const received = await client.until((text) => text.endsWith('"3"'));
      expect(received.match(/"\d"/g)).toEqual(['"1"', '"2"', '"3"']);
    });
  });

  describe("refusals", () => {
    test.each([
      ["GET", "/nowhere", 404, "ROUTE_NOT_FOUND"],
      ["GET", "/sync/", 404, "ROUTE_NOT_FOUND"],
      ["POST", "/sync", 405, "METHOD_NOT_ALLOWED"],
      ["PATCH", "/sync", 405, "METHOD_NOT_ALLOWED"],
      ["OPTIONS", "/sync", 405, "METHOD_NOT_ALLOWED"],
      ["GET", "/things/%zz", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/things/%ff", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/sync?n=%ff", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/sync?n=%C3&n=%A9", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/sync?n=%ED%A0%80", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/sync?%ff=1", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/sync?n=100%", 400, "INVALID_FIELD_VALUE"],
      ["GET", "/refused", 429, "OVERLOADED"],
      ["GET", "/broken", 500, "INTERNAL_ERROR"],
      ["GET", "/bad-header", 500, "INTERNAL_ERROR"],
    ])("%s %s gives %d %s", async (method, path, status, code) => {
      const response = await fetch(running.url + path, { method });
      expect(response.status).toBe(status);
      expect(response.headers.get("x-error-code")).toBe(code);
      const problem = await problemOf(response);
      expect(problem).toMatchObject({ code, status, request_id: response.headers.get("x-request-id") });
      expect(JSON.stringify(problem)).not.toContain("secret");
    });

    test.each(["/sync?n=\xff", "/things/\xff", "/sync?n=\xc3"])(
      "bytes that are no UTF-8 are a 400: %j",
      async (path) => {
        using client = running.open();
        client.write(Buffer.from(head("GET", path), "latin1"));
        expect(await client.until((text) => text.includes("\r\n\r\n"))).toContain("HTTP/1.1 400 ");
      },
    );

    test("405 lists the methods, 429 the seconds", async () => {
      expect((await fetch(`${running.url}/sync`, { method: "DELETE" })).headers.get("allow")).toBe("GET, HEAD");
      expect((await fetch(`${running.url}/refused`)).headers.get("retry-after")).toBe("3");
    });

    test("only errors without a code are logged", async () => {
      running.errors.length = 0;
      await fetch(`${running.url}/refused`);
      await fetch(`${running.url}/broken`);
      expect(running.errors).toEqual([expect.objectContaining({ message: "secret detail" })]);
    });

    test.each([
      [undefined, 415],
      ["text/plain", 415],
      ["application/jsonx", 415],
      ["application/json-seq", 415],
      ["application/json", 200],
      ["application/json; charset=utf-8", 200],
      ["Application/JSON ;a=b", 200],
      ["application/cloudevents+json", 200],
    ])("content type %j gives %d", async (type, status) => {
      const response = await fetch(`${running.url}/things`, {
        method: "POST",
        headers: type === undefined ? {} : { "content-type": type },
        body: Buffer.from("{}"),
      });
      expect(response.status).toBe(status);
    });

    test("a compressed body is refused", async () => {
      const response = await fetch(`${running.url}/things`, {
        method: "POST",
        headers: { ...JSON_TYPE, "content-encoding": "gzip" },
        body: "{}",
      });
      expect(response.status).toBe(415);
    });
  });

  describe("slow and lost clients", () => {
    test("a client that leaves during the handler counts as 499, and the late reply is harmless", async () => {
      gated = gate();
      gatedCalls = 0;
      running.records.length = 0;
      const client = running.open().write(head("GET", "/gated"));
      await eventually(() => gatedCalls === 1);
      client.socket.destroy();
      await eventually(() => running.records.length === 1);
      expect(running.records[0]).toMatchObject({ method: "GET", route: "/gated", status: 499 });
      gated.open();
      await delay(10);
      expect(running.records.length).toBe(1);
      expect((await fetch(`${running.url}/sync`)).status).toBe(200);
    });

    test("records name the route pattern, never the raw path", async () => {
      running.records.length = 0;
      await (await fetch(`${running.url}/things/7?secret=1`)).text();
      await (await fetch(`${running.url}/nowhere/7`)).text();
      expect(running.records).toEqual([
        { method: "GET", route: "/things/{thing_id}", status: 200, durationMs: expect.any(Number) },
        { method: "GET", route: "unmatched", status: 404, durationMs: expect.any(Number) },
      ]);
    });
  });

  describe("malformed HTTP", () => {
    test.each([
      ["not HTTP", "HELLO\r\n\r\n"],
      ["an unknown version", "GET /sync HTTP/9.9\r\nhost: t\r\n\r\n"],
      ["a TLS hello", `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\x01".repeat(300)}`],
      ["a header without a colon", "GET /sync HTTP/1.1\r\nhost: t\r\nfoo bar\r\n\r\n"],
      [
        "a bad chunk size",
        `${head("POST", "/things", { ...JSON_TYPE, "transfer-encoding": "chunked" })}zz\r\n{}\r\n0\r\n\r\n`,
      ],
    ])("%s gets no handler and hurts nobody else", async (_name, payload) => {
      running.records.length = 0;
      using client = running.open();
      client.write(Buffer.from(payload, "latin1"));
      await delay(50);
      expect(client.received === "" || client.received.startsWith("HTTP/1.1 4")).toBe(true);
      expect(running.records.every((record) => record.status >= 400)).toBe(true);
      expect((await fetch(`${running.url}/sync`)).status).toBe(200);
    });

    test.runIf(transport === "native")("more than 50 headers never reach a handler", async () => {
      using client = running.open();
      client.write(head("GET", "/sync", Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`h${i}`, "1"]))));
      await delay(50);
      expect(client.received).toBe("");
    });
  });
});
