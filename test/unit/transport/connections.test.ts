import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Route, SocketRoute } from "../../../src/transport/http.js";
import {
  delay,
  eventually,
  gate,
  head,
  isRefused,
  JSON_TYPE,
  SYNC_ROUTE,
  startTestServer,
  type TestServer,
  TRANSPORTS,
} from "./harness.js";

/** What comes on a connection behind a request: other requests, bytes that are none, offers of other protocols. */
describe.each(TRANSPORTS)("connections, %s transport", (transport) => {
  const isNative = transport === "native";
  /** Bodies that reached a handler. */
  let handled: string[] = [];
  let gated = gate<void>();
  let opened = 0;
  let accepted = 0;

  const routes: Route[] = [
    SYNC_ROUTE,
    {
      method: "POST",
      path: "/later",
      body: "json",
      handle: async ({ body }) => {
        handled.push(Buffer.from(body).toString());
        await gated.promise;
        return { status: 200, body };
      },
    },
  ];
  const socketRoutes: SocketRoute[] = [
    {
      path: "/feed",
      accept: async ({ protocols }) => {
        accepted++;
        await delay(1);
        const handler = { opened: () => void opened++, drained() {}, closed: () => void accepted-- };
        return protocols.includes("a.v1") ? { ...handler, protocol: "a.v1" } : handler;
      },
    },
  ];

  const post = (body: string, headers = {}) =>
    head("POST", "/later", { ...JSON_TYPE, "content-length": String(body.length), ...headers }) + body;
  const offer = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" };
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };

  let running: TestServer;

  beforeAll(async () => {
    running = await startTestServer(transport, routes, socketRoutes);
  });

  afterAll(() => running[Symbol.asyncDispose]());

  describe("behind a request without an answer", () => {
    test.each([
      ["GET", head("GET", "/sync")],
      ["POST", post('"2"')],
      ["a thousand", head("GET", "/sync").repeat(1000)],
      ["an upgrade", head("GET", "/feed", upgrade)],
      ["an offer of HTTP/2", head("GET", "/sync", offer)],
    ])("%s is never run, and the connection ends", async (_name, behind) => {
      gated = gate();
      handled = [];
      opened = 0;
      running.records.length = 0;
      using client = running.open();
      client.write(post('"1"') + behind);
      if (isNative) expect(await client.closed()).toBe("");
      await eventually(() => handled.length === 1);
      await delay(10);
      gated.open();
      const received = await client.closed();
      if (!isNative) {
        expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*connection: close[\s\S]*\r\n\r\n"1"$/i);
        expect(received.split("HTTP/1.1").length).toBe(2);
      }
      expect([handled, opened]).toEqual([['"1"'], 0]);
      expect(running.records).toMatchObject([{ route: "/later", status: isNative ? 499 : 200 }]);
    });

    test("bytes that are no HTTP do not make a refusal of its answer", async () => {
      for (const headers of [{}, { connection: "close" }]) {
        gated = gate();
        using client = running.open();
        client.write(`${post('"1"', headers)}no request\r\n\r\n`);
        await delay(20);
        expect(client.received).toBe("");
        gated.open();
        expect(await client.until((text) => text.endsWith('"1"'))).toMatch(/^HTTP\/1\.1 200 OK/);
      }
    });
  });

  test("behind an answered one requests, offers and upgrades are served in order", async () => {
    using client = running.open();
    const requests = [head("GET", "/sync?n=1"), head("GET", "/sync?n=2", offer), head("GET", "/sync?n=3", offer)];
    client.write(`${requests.join("")}${head("GET", "/feed", upgrade)}`);
    const received = await client.until((text) => text.includes(" 101 "));
    expect(received.match(/"\d"/g)).toEqual(['"1"', '"2"', '"3"']);
  });

  test("one that never ends its head, or never begins one, is closed", async () => {
    using silent = running.open();
    using slow = running.open();
    slow.write("GET /sync HTTP/1.1\r\nhost: t\r\n");
    const more = setInterval(() => slow.write("a: b\r\n"), 500);
    await Promise.all([silent.closed(), slow.closed()]).finally(() => clearInterval(more));
    expect(silent.received + slow.received).not.toContain(" 200 ");
  });

  test("a POST that offers HTTP/2 is served with its body, whole or in pieces", async () => {
    gated = gate();
    gated.open();
    using client = running.open();
    client.write(post('"1"', offer));
    await client.until((text) => text.endsWith('"1"'));
    const second = post('"second"', offer);
    client.write(second.slice(0, -4));
    await delay(10);
    client.write(second.slice(-4));
    expect(await client.until((text) => text.endsWith('"second"'))).not.toContain("HTTP/1.1 4");
  });

  test.each([
    ["a length of nothing first", { "content-length": "0\r\ncontent-length: 40" }],
    ["two codings", { "transfer-encoding": "chunked\r\ntransfer-encoding: chunked" }],
    ["another coding", { "transfer-encoding": "identity" }],
  ])("%s: nothing behind it is read as a request", async (_name, framing) => {
    for (const [method, path] of [
      ["GET", "/sync"],
      ["POST", "/later"],
      ["POST", "/nowhere"],
    ] as const) {
      running.records.length = 0;
      using client = running.open();
      const chunks = "transfer-encoding" in framing ? "0\r\n\r\n" : "";
      client.write(head(method, path, { ...JSON_TYPE, ...framing }) + chunks + head("GET", "/sync?n=smuggled"));
      await client.until((text) => client.isClosed || isRefused(text));
      if (!client.isClosed) client.write(head("GET", "/sync?n=smuggled"));
      await client.closed();
      expect(client.received).not.toContain("smuggled");
      expect(running.records.every(({ status }) => status === 400)).toBe(true);
    }
  });

  test("a refusal before the end of a body comes whole at once, and then the connection ends", async () => {
    using client = running.open();
    client.write(`${head("POST", "/nowhere", { "transfer-encoding": "chunked" })}3\r\nabc\r\n`);
    await client.until(isRefused);
    expect(JSON.parse(client.received.split("\r\n\r\n")[1]!)).toMatchObject({ code: "ROUTE_NOT_FOUND" });
    expect(client.isClosed).toBe(false);
    client.write(`0\r\n\r\n${head("GET", "/sync")}`);
    expect(await client.closed()).not.toContain('"ok"');
  });

  test.each([
    ["no subprotocol", ""],
    ["one offered twice", "a.v1, a.v1"],
    ["one that is no token", "a b, a.v1"],
    ["empty ones", ",,a.v1,"],
  ])("an upgrade with %s is accepted, and given back when it ends", async (_name, protocols) => {
    opened = 0;
    accepted = 0;
    const client = running.open().write(head("GET", "/feed", { ...upgrade, "sec-websocket-protocol": protocols }));
    const received = await client.until((text) => text.includes("\r\n\r\n"));
    expect(received).toMatch(/^HTTP\/1\.1 101 /);
    expect(/sec-websocket-protocol: (.*)\r/i.exec(received)?.[1]).toBe(protocols === "" ? undefined : "a.v1");
    expect([opened, accepted]).toEqual([1, 1]);
    client.socket.destroy();
    await eventually(() => accepted === 0);
  });
});
