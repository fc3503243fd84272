import { Agent, request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import WebSocket from "ws";
import { problemReply } from "../../../src/api/problem.js";
import type { Route, SocketHandler } from "../../../src/transport/http.js";
import { hasNativeTransport } from "../../../src/transport/native.js";
import { type ServerOptions, startServer } from "../../../src/transport/server.js";
import { delay, eventually, gate, head, LIMITS, startTestServer, TRANSPORTS } from "./harness.js";

const HUGE_BYTES = 50_000_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const routes: Route[] = [
  { method: "GET", path: "/ok", handle: () => ({ status: 200, body: '"ok"' }) },
  { method: "GET", path: "/huge", handle: () => ({ status: 200, body: patterned(HUGE_BYTES) }) },
  { method: "GET", path: "/text", handle: () => ({ status: 200, body: "é".repeat(200_000) }) },
];

function patterned(bytes: number): Uint8Array {
  const body = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += 1000) body[i] = (i / 1000) % 251;
  return body;
}

/** Of the Node versions that run the service, the one that the native library was built for. */
const NODE_20 = "115";

test("the native transport runs where it should", () => {
  expect(hasNativeTransport).toBe(process.versions.modules === NODE_20);
});

describe.each(TRANSPORTS)("%s transport", (transport) => {
  const options: ServerOptions = {
    host: "127.0.0.1",
    port: 0,
    useNodeTransport: transport === "node",
    routes,
    socketRoutes: [],
    limits: LIMITS,
    renderProblem: problemReply,
    logError: () => {},
  };

  test("the native transport can be required", async () => {
    const starting = startServer({ ...options, requireNativeTransport: true });
    if (transport === "native") await (await starting)[Symbol.asyncDispose]();
    else await expect(starting).rejects.toThrow(/native transport is required.*Node v/);
  });

  test("two servers cannot share a port, and the message names it", async () => {
    await using first = await startServer(options);
    expect(first.address).toBe(`127.0.0.1:${first.port}`);
    await expect(startServer({ ...options, port: first.port })).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${first.port}: EADDRINUSE`,
    );
  });

  test("a port held by another program, or an address of another machine, is refused with the reason", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    await expect(startServer({ ...options, port })).rejects.toThrow(`127.0.0.1:${port}: EADDRINUSE`);
    other.close();
    await expect(startServer({ ...options, host: "192.0.2.1", port: 1 })).rejects.toThrow("192.0.2.1:1: EADDRNOTAVAIL");
  });

  test.each([7, 961, Number.NaN])(
    "a ping interval of %d s is refused instead of ending the process",
    async (pingIntervalS) => {
      await expect(startServer({ ...options, limits: { ...LIMITS, pingIntervalS } })).rejects.toThrow(RangeError);
    },
  );

  test("a port is free again after dispose", async () => {
    const first = await startServer(options);
    const { port } = first;
    expect((await fetch(`http://${first.address}/ok`)).status).toBe(200);
    await first[Symbol.asyncDispose]();
    await using second = await startServer({ ...options, port });
    expect((await fetch(`http://${second.address}/ok`)).status).toBe(200);
  });

  test("after stopAccepting no connection is made, but open ones are still answered", async () => {
    await using running = await startTestServer(transport, routes);
    using client = running.open();
    client.write(head("GET", "/ok"));
    await client.until((text) => text.endsWith('"ok"'));
    running.server.stopAccepting();
    running.server.stopAccepting();
    await expect(fetch(`${running.url}/ok`)).rejects.toThrow();
    for (let i = 0; i < 2; i++) {
      client.received = "";
      client.write(head("GET", "/ok"));
      await client.until((text) => text.endsWith('"ok"'));
    }
    running.server.closeAfterReplies();
    client.received = "";
    client.write(head("GET", "/ok"));
    expect(await client.closed()).toMatch(/connection: close[\s\S]*"ok"$/i);
  });

  test("dispose ends requests and sockets at once", async () => {
    const closes: number[] = [];
    const handler: SocketHandler = { opened() {}, drained() {}, closed: (code) => closes.push(code) };
    const waiting = gate<void>();
    const slow: Route = {
      method: "GET",
      path: "/slow",
      handle: async () => {
        await waiting.promise;
        return { status: 200, body: "" };
      },
    };
    const running = await startTestServer(transport, [...routes, slow], [{ path: "/feed", accept: () => handler }]);
    const socket = new WebSocket(`ws://${running.server.address}/feed`);
    const socketClosed = new Promise((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => socket.once("open", resolve));
    using idle = running.open();
    idle.write(head("GET", "/ok"));
    await idle.until((text) => text.endsWith('"ok"'));
    using pending = running.open();
    pending.write(head("GET", "/slow"));
    await eventually(() => running.server.openRequests() === 1);
    await running[Symbol.asyncDispose]();
    expect(await socketClosed).toBe(1001);
    await Promise.all([idle.closed(), pending.closed()]);
    expect(closes).toEqual([1001]);
    expect(running.server.openSockets()).toBe(0);
    expect(running.server.openRequests()).toBe(0);
    waiting.open();
    await delay(5);
  });

  test("a 50 MB reply to a client that stalls keeps one copy in memory and arrives whole", async () => {
    await using running = await startTestServer(transport, routes);
    collectGarbage();
    const before = process.memoryUsage().rss;
    const agent = new Agent();
    const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      httpRequest(`${running.url}/huge`, { agent }, resolve).on("error", reject).end();
    });
    response.pause();
    await delay(300);
    collectGarbage();
    // Two would be twice as much; what else the process takes meanwhile is not the reply's.
    expect(process.memoryUsage().rss - before).toBeLessThan(HUGE_BYTES * 1.8);
    expect(running.records.length).toBe(0);
    let at = 0;
    let isIntact = true;
    response.on("data", (chunk: Buffer) => {
      for (let i = 0; i < chunk.byteLength; i++) {
        const position = at + i;
        isIntact &&= chunk[i] === (position % 1000 === 0 ? (position / 1000) % 251 : 0);
      }
      at += chunk.byteLength;
    });
    response.resume();
    await new Promise((resolve) => response.once("end", resolve));
    expect({ at, isIntact }).toEqual({ at: HUGE_BYTES, isIntact: true });
    await eventually(() => running.records.length === 1);
    expect(running.records[0]).toMatchObject({ route: "/huge", status: 200 });
    agent.destroy();
  });

  test("a client that leaves in the middle of a large reply counts as 499", async () => {
    await using running = await startTestServer(transport, routes);
    using client = running.open();
    client.write(head("GET", "/huge"));
    await client.until((text) => text.length > 100_000);
    client.socket.destroy();
    await eventually(() => running.records.length === 1);
    expect(running.records[0]).toMatchObject({ status: 499 });
    expect((await fetch(`${running.url}/ok`)).status).toBe(200);
  });

  test("large text is measured and sent in UTF-8", async () => {
    await using running = await startTestServer(transport, routes);
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${running.url}/text`);
      expect(response.headers.get("content-length")).toBe("400000");
      expect(await response.text()).toBe("é".repeat(200_000));
    }
  });

  test("the peer is dotted IPv4 also behind a dual-stack listener", async ({ skip }) => {
    if (!(await hasIpv6())) skip("this machine has no IPv6");
    const address: Route = { method: "GET", path: "/", handle: (r) => ({ status: 200, body: r.remoteAddress }) };
    await using server = await startServer({ ...options, host: "::", routes: [address] });
    expect(server.address).toBe(`[::]:${server.port}`);
    expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("127.0.0.1");
  });
});

function hasIpv6(): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once("error", () => resolve(false)).listen(0, "::", () => probe.close(() => resolve(true)));
  });
}
