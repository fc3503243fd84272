import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CodedError } from "../../../src/base/errors.js";
import type { Route } from "../../../src/transport/http.js";
import {
  delay,
  describeRequest,
  eventually,
  gate,
  head,
  isRefused,
  JSON_TYPE,
  problemOf,
  SYNC_ROUTE,
  startTestServer,
  type TestServer,
  TRANSPORTS,
} from "./harness.js";

describe.each(TRANSPORTS)("request bodies, %s transport", (transport) => {
  /** Bodies of calls that wait until it opens. */
  let gated = gate<void>();

  const routes: Route[] = [
    SYNC_ROUTE,
    { method: "POST", path: "/things", body: "json", handle: describeRequest },
    { method: "POST", path: "/actions", handle: describeRequest },
    ...(["at once", "later"] as const).map(
      (when, at): Route => ({
        method: "POST",
        path: `/members/${at}`,
        body: "json",
        admit: (request) => {
          const isMember = request.header("x-member") === "yes";
          const refusal = new CodedError("AUTH_REQUIRED", "members only");
          if (when === "later") return isMember ? Promise.resolve("members") : Promise.reject(refusal);
          if (!isMember) throw refusal;
          return "members";
        },
        handle: ({ body }) => ({ status: 200, body: String(body.byteLength) }),
      }),
    ),
    {
      method: "POST",
      path: "/size",
      body: "json",
      handle: ({ body }) => ({ status: 200, body: JSON.stringify({ bytes: body.byteLength, sum: sum(body) }) }),
    },
    {
      method: "POST",
      path: "/later",
      body: "json",
      handle: async ({ body }) => {
        await gated.promise;
        return { status: 200, body };
      },
    },
  ];

  function streamOf(piece: Uint8Array, count: number): ReadableStream<Uint8Array> {
    let sent = 0;
    return new ReadableStream({
      pull(controller) {
        if (sent++ < count) controller.enqueue(piece);
        else controller.close();
      },
    });
  }

  function sum(bytes: Uint8Array): number {
    return bytes.reduce((total, byte) => total + byte, 0);
  }

  let running: TestServer;

  beforeAll(async () => {
    running = await startTestServer(transport, routes);
  });

  afterAll(() => running[Symbol.asyncDispose]());

  test.each([0, 1, 70_000, 999_999, 1_000_000])("%d bytes arrive whole", async (bytes) => {
    const body = Buffer.alloc(bytes, 1);
    const response = await fetch(`${running.url}/size`, { method: "POST", headers: JSON_TYPE, body });
    expect(await response.json()).toEqual({ bytes, sum: bytes });
  });

  test("a body in pieces is put together", async () => {
    using client = running.open();
    client.write(head("POST", "/things", { ...JSON_TYPE, "content-length": "11" }));
    for (const piece of ['{"a', '":"', "xyz", '"}']) {
      await delay(10);
      client.write(piece);
    }
    expect(await client.until((text) => text.endsWith("}"))).toContain(JSON.stringify('{"a":"xyz"}'));
  });

  test("chunked bodies are read, large ones too", async () => {
    using client = running.open();
    client.write(`${head("POST", "/things", { ...JSON_TYPE, "transfer-encoding": "chunked" })}5\r\n{"a":\r\n`);
    await delay(10);
    client.write("2\r\n1}\r\n0\r\n\r\n");
    expect(await client.until((text) => text.endsWith("}"))).toContain(JSON.stringify('{"a":1}'));
    client.received = "";
    const piece = `186a0\r\n${"\x01".repeat(100_000)}\r\n`;
    client.write(head("POST", "/size", { ...JSON_TYPE, "transfer-encoding": "chunked" }));
    client.write(`${piece.repeat(7)}0\r\n\r\n`);
    expect(await client.until((text) => text.endsWith("}"))).toContain('{"bytes":700000,"sum":700000}');
  });

  test("fields behind a chunked body, announced, are nobody's request: its answer ends the connection", async () => {
    using client = running.open();
    const framing = { "transfer-encoding": "chunked", trailer: "x-sum" };
    client.write(`${head("POST", "/things", { ...JSON_TYPE, ...framing })}2\r\n{}\r\n0\r\nx-sum: 1\r\n\r\n`);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*connection: close[\s\S]*}$/i);
  });

  test("a declared length over the bound is refused before any of it arrives, and the connection closed", async () => {
    using client = running.open();
    client.write(head("POST", "/things", { ...JSON_TYPE, "content-length": "1000001" }));
    expect(await client.until(isRefused)).toMatch(/^HTTP\/1.1 413 [\s\S]*PAYLOAD_TOO_LARGE/);
  });

  test.each(["99999999999999", "1000000000000000"])(
    "a declared length of %s closes without reading",
    async (length) => {
      using client = running.open();
      client.write(head("POST", "/things", { ...JSON_TYPE, "content-length": length }));
      await client.until((text) => client.isClosed || isRefused(text));
      expect(client.received === "" || client.received.startsWith("HTTP/1.1 4")).toBe(true);
    },
  );

  test("a chunked body over the bound is refused while it arrives", async () => {
    using client = running.open();
    client.write(head("POST", "/size", { ...JSON_TYPE, "transfer-encoding": "chunked" }));
    const piece = `186a0\r\n${"\x01".repeat(100_000)}\r\n`;
    for (let i = 0; i < 11; i++) client.write(piece);
    expect(await client.until(isRefused)).toMatch(/^HTTP\/1.1 413 /);
  });

  test("a chunked body may be as large as the bound, and no byte larger", async () => {
    using client = running.open();
    const piece = `186a0\r\n${"\x01".repeat(100_000)}\r\n`;
    client.write(head("POST", "/size", { ...JSON_TYPE, "transfer-encoding": "chunked" }));
    client.write(`${piece.repeat(10)}0\r\n\r\n`);
    expect(await client.until((text) => text.endsWith("}"))).toContain('{"bytes":1000000,"sum":1000000}');
    client.received = "";
    client.write(head("POST", "/size", { ...JSON_TYPE, "transfer-encoding": "chunked" }));
    client.write(`${piece.repeat(10)}1\r\n\x01\r\n0\r\n\r\n`);
    expect(await client.until(isRefused)).toMatch(/^HTTP\/1.1 413 /);
  });

  test("a client that is still sending a huge body reads the refusal", async () => {
    for (let attempt = 0; attempt < 4; attempt++) {
      const body = attempt % 2 === 0 ? Buffer.alloc(8e6) : streamOf(Buffer.alloc(64_000), 125);
      // @ts-expect-error: the DOM types do not know the member that undici demands for streams.
      const response = await fetch(`${running.url}/size`, { method: "POST", headers: JSON_TYPE, body, duplex: "half" });
      expect((await problemOf(response)).code).toBe("PAYLOAD_TOO_LARGE");
    }
  });

  test("a client that never stops sending is cut off", async () => {
    using client = running.open();
    client.write(head("POST", "/size", { ...JSON_TYPE, "transfer-encoding": "chunked" }));
    const piece = Buffer.from(`186a0\r\n${"\x01".repeat(100_000)}\r\n`);
    const sending = setInterval(() => client.write(piece), 5);
    expect(await client.closed()).toMatch(/^HTTP\/1.1 413 /);
    clearInterval(sending);
  });

  test("a route without a body ignores one, sized or chunked", async () => {
    using client = running.open();
    client.write(`${head("POST", "/actions", { "content-length": "5" })}hello`);
    expect(await client.until((text) => text.endsWith("}"))).toContain('"body":""');
    client.received = "";
    client.write(`${head("POST", "/actions", { "transfer-encoding": "chunked" })}5\r\nhello\r\n0\r\n\r\n`);
    expect(await client.until((text) => text.endsWith("}"))).toContain('"body":""');
    client.received = "";
    client.write(head("POST", "/actions", { "content-length": "1000001" }));
    expect(await client.until(isRefused)).toMatch(/^HTTP\/1.1 413 /);
  });

  test("after a refusal the rest of a bounded body is skipped and the connection lives on", async () => {
    using client = running.open();
    client.write(`${head("POST", "/nowhere", { "content-length": "30" })}GET /sync?n=smuggled`);
    await client.until((text) => text.includes("ROUTE_NOT_FOUND"));
    client.write(` HTTP/1.1\n${head("GET", "/sync?n=next")}`);
    const received = await client.until((text) => text.endsWith('"next"'));
    expect(received).not.toContain("smuggled");
  });

  test.each([
    ["two lengths", { "content-length": "3\r\ncontent-length: 5" }],
    ["a length and chunks", { "content-length": "3", "transfer-encoding": "chunked" }],
    ["another coding", { "transfer-encoding": "gzip" }],
    ["a negative length", { "content-length": "-1" }],
    ["a length with junk", { "content-length": "3x" }],
  ])("%s never reaches a handler", async (_name, headers) => {
    using client = running.open();
    client.write(`${head("POST", "/size", { ...JSON_TYPE, ...headers })}abc`);
    await client.until((text) => client.isClosed || isRefused(text));
    expect(client.received === "" || client.received.startsWith("HTTP/1.1 400")).toBe(true);
  });

  test("Expect: 100-continue is answered before the body", async () => {
    using client = running.open();
    client.write(head("POST", "/things", { ...JSON_TYPE, expect: "100-continue", "content-length": "2" }));
    await client.until((text) => text.startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
    client.write("{}");
    await client.until((text) => text.includes("HTTP/1.1 200 OK"));
  });

  test("a stalled body is answered with 504 and closed; one that keeps coming is not", async () => {
    let answer = "";
    // A machine so busy that its pieces come later than that gets another chance, with more time.
    for (let bodyTimeoutMs = 150; !answer.startsWith("HTTP/1.1 200 ") && bodyTimeoutMs < 10_000; bodyTimeoutMs *= 3) {
      await using server = await startTestServer(transport, routes, [], { bodyTimeoutMs });
      using stalled = server.open();
      stalled.write(`${head("POST", "/things", { ...JSON_TYPE, "content-length": "10" })}{`);
      using steady = server.open();
      steady.write(head("POST", "/size", { ...JSON_TYPE, "content-length": "100000" }));
      for (let i = 0; i < 10; i++) {
        steady.write(Buffer.alloc(10_000, 1));
        await delay(bodyTimeoutMs / 4);
      }
      answer = await steady.until((text) => text.endsWith("}"));
      expect(await stalled.until(isRefused)).toMatch(/^HTTP\/1.1 504 [\s\S]*"code":"TIMEOUT"/);
    }
    expect(answer).toContain('"bytes":100000');
  });

  test("bodies held over the bound are refused, and room comes back", async () => {
    await using server = await startTestServer(transport, routes, [], {
      bodyBytesMax: 1000,
      bodyBytesInFlightMax: 1500,
    });
    using first = server.open();
    first.write(head("POST", "/size", { ...JSON_TYPE, "content-length": "1000" }) + "x".repeat(900));
    await eventually(() => server.server.openRequests() === 1);
    await delay(20);
    const post = () => fetch(`${server.url}/size`, { method: "POST", headers: JSON_TYPE, body: "x".repeat(700) });
    expect((await post()).status).toBe(429);
    first.write("x".repeat(100));
    await first.until((text) => text.endsWith("}"));
    expect((await post()).status).toBe(200);
    using lost = server.open();
    lost.write(head("POST", "/size", { ...JSON_TYPE, "content-length": "1000" }) + "x".repeat(900));
    await eventually(() => server.server.openRequests() === 1);
    lost.socket.destroy();
    await eventually(() => server.server.openRequests() === 0);
    expect((await post()).status).toBe(200);
  });

  test("a byte of a body holds little room, and all of that counts", async () => {
    await using server = await startTestServer(transport, routes, [], {
      bodyBytesMax: 60_000,
      bodyBytesInFlightMax: 100_000,
    });
    const begin = (framing: Record<string, string>, start: string) =>
      server.open().write(head("POST", "/size", { ...JSON_TYPE, ...framing }) + start);
    const sized = Array.from({ length: 9 }, () => begin({ "content-length": "60000" }, "x"));
    const chunked = Array.from({ length: 9 }, () => begin({ "transfer-encoding": "chunked" }, "1\r\nx\r\n"));
    await eventually(() => server.server.openRequests() === 18);
    await delay(20);
    const post = () => fetch(`${server.url}/size`, { method: "POST", headers: JSON_TYPE, body: "x".repeat(20_000) });
    expect((await post()).status).toBe(200);
    const more = Array.from({ length: 18 }, () => begin({ "content-length": "60000" }, "x"));
    await eventually(() => more.some(({ received }) => isRefused(received)));
    for (const { received } of more.filter((client) => isRefused(client.received))) {
      expect(received).toMatch(/^HTTP\/1.1 429 [\s\S]*OVERLOADED/);
    }
    for (const client of [...sized, ...chunked, ...more]) client.socket.destroy();
    await eventually(() => server.server.openRequests() === 0);
    // All of it came back: a body of the largest size is taken beside another's.
    const large = () => fetch(`${server.url}/size`, { method: "POST", headers: JSON_TYPE, body: "x".repeat(50_000) });
    for (const { status } of [await large(), await large()]) expect(status).toBe(200);
  });

  test("a client that leaves in the middle of a body never reaches the handler", async () => {
    running.records.length = 0;
    const client = running.open().write(`${head("POST", "/things", { ...JSON_TYPE, "content-length": "10" })}{`);
    await delay(20);
    client.socket.destroy();
    await eventually(() => running.records.length === 1);
    expect(running.records[0]).toMatchObject({ route: "/things", status: 499 });
    expect(running.server.openRequests()).toBe(0);
  });

  test("small bodies of many requests stay what they were while they wait", async () => {
    gated = gate();
    const bodies = Array.from({ length: 200 }, (_, i) => JSON.stringify({ i, text: "x".repeat((i * 37) % 5000) }));
    const sent = bodies.map((body) => fetch(`${running.url}/later`, { method: "POST", headers: JSON_TYPE, body }));
    await eventually(() => running.server.openRequests() === bodies.length);
    gated.open();
    expect(await Promise.all(sent.map(async (response) => (await response).text()))).toEqual(bodies);
  });

  test.each(["/members/0", "/members/1"])("%s: a body in parts is read for whom the route admits", async (path) => {
    const sized = { ...JSON_TYPE, "content-length": "600000" };
    using stranger = running.open();
    stranger.write(head("POST", path, sized) + " ".repeat(1000));
    const received = await stranger.until((text) => text.includes("AUTH_REQUIRED"));
    expect(received).toMatch(/^HTTP\/1\.1 401 /);
    expect(received.toLowerCase()).toContain("connection: close");
    using member = running.open();
    member.write(head("POST", path, { ...sized, "x-member": "yes" }) + " ".repeat(1000));
    await delay(50);
    member.write(" ".repeat(599_000));
    expect(await member.until((text) => text.endsWith("600000"))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("refused bodies in parts leave room for others'", async () => {
    await using small = await startTestServer(transport, routes, [], {
      bodyBytesMax: 100_000,
      bodyBytesInFlightMax: 100_000,
    });
    const strangers = Array.from({ length: 30 }, () => {
      const stranger = small.open();
      stranger.write(head("POST", "/members/0", { ...JSON_TYPE, "content-length": "90000" }) + " ".repeat(50_000));
      return stranger;
    });
    for (const stranger of strangers) await stranger.until((text) => text.includes("AUTH_REQUIRED"));
    const headers = { ...JSON_TYPE, "x-member": "yes" };
    const answer = await fetch(`${small.url}/members/0`, { method: "POST", headers, body: " ".repeat(90_000) });
    expect([answer.status, await answer.text()]).toEqual([200, "90000"]);
    for (const stranger of strangers) stranger[Symbol.dispose]();
  });
});
