import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { CodedError } from "../../../src/base/errors.js";
import type { Socket, SocketHandler, SocketRoute, UpgradeRequest } from "../../../src/transport/http.js";
import { delay, eventually, gate, head, startTestServer, type TestServer, TRANSPORTS } from "./harness.js";

/** Records what the transport tells it; `onOpen` and `onDrain` let a test act in between. */
class Recorder implements SocketHandler {
  socket: Socket | null = null;
  drains = 0;
  readonly closes: [number, string][] = [];
  onOpen: (socket: Socket) => void = () => {};
  onDrain: (socket: Socket) => void = () => {};
  readonly protocol?: string;

  constructor(protocol?: string) {
    if (protocol !== undefined) this.protocol = protocol;
  }

  opened(socket: Socket): void {
    this.socket = socket;
    this.onOpen(socket);
  }

  drained(): void {
    this.drains++;
    if (this.socket !== null) this.onDrain(this.socket);
  }

  closed(code: number, reason: string): void {
    this.closes.push([code, reason]);
  }
}

describe.each(TRANSPORTS)("%s transport", (transport) => {
  /** What `/feed` answers with, set by each test. */
  let accept: (request: UpgradeRequest) => SocketHandler | Promise<SocketHandler>;
  let recorder: Recorder;

  const socketRoutes: SocketRoute[] = [{ path: "/feed", accept: (request) => accept(request) }];
  let running: TestServer;

  beforeAll(async () => {
    running = await startTestServer(transport, [], socketRoutes, {
      socketMessageBytesMax: 1024,
      socketBufferBytesMax: 1_000_000,
    });
  });

  afterAll(() => running[Symbol.asyncDispose]());

  function acceptAll(protocol?: string): Recorder {
    recorder = new Recorder(protocol);
    accept = () => recorder;
    return recorder;
  }

  function dial(path = "/feed", protocols: string[] = []): WebSocket {
    const client = new WebSocket(`ws://${running.server.address}${path}`, protocols);
    client.on("error", () => {});
    return client;
  }

  function opened(client: WebSocket): Promise<void> {
    return new Promise((resolve, reject) => {
      client.once("open", () => resolve());
      client.once("error", reject);
    });
  }

  function messages(client: WebSocket): Buffer[] {
    const received: Buffer[] = [];
    client.on("message", (message) => received.push(message as Buffer));
    return received;
  }

  function closeOf(client: WebSocket): Promise<[number, string]> {
    return new Promise((resolve) => client.once("close", (code, reason) => resolve([code, reason.toString()])));
  }

  /** Status, headers and parsed body of a refused upgrade. */
  function refusalOf(client: WebSocket): Promise<{ status: number; headers: Record<string, unknown>; json: unknown }> {
    return new Promise((resolve, reject) => {
      client.once("open", () => reject(new Error("was accepted")));
      client.once("unexpected-response", (_request, response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json: JSON.parse(text) }),
        );
      });
    });
  }

  const UPGRADE = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };

  test("a query that is no UTF-8 is refused", async () => {
    accept = ({ query }) => new Recorder(query.get("n") ?? "");
    const { status, json } = await refusalOf(dial("/feed?n=%ff"));
    expect([status, json]).toMatchObject([400, { code: "INVALID_FIELD_VALUE" }]);
  });

  test("accept sees the request; frames arrive in order and as text", async () => {
    let seen: UpgradeRequest | undefined;
    recorder = new Recorder("b.v1");
    accept = async (request) => {
      await delay(5);
      seen = request;
      return recorder;
    };
    recorder.onOpen = (socket) => {
      socket.send(Buffer.from("one"));
      socket.corked(() => {
        for (const text of ["two", "three", ""]) expect(socket.send(Buffer.from(text))).toBe(true);
      });
    };
    running.records.length = 0;
    const client = dial("/feed?from_offset=7", ["a.v1", "b.v1"]);
    const received = messages(client);
    const areBinary: boolean[] = [];
    client.on("message", (_, isBinary) => areBinary.push(isBinary));
    await opened(client);
    await eventually(() => received.length === 4);
    expect(received.map(String)).toEqual(["one", "two", "three", ""]);
    expect(areBinary).not.toContain(true);
    expect(client.protocol).toBe("b.v1");
    expect(seen).toMatchObject({ path: "/feed", remoteAddress: "127.0.0.1", protocols: ["a.v1", "b.v1"] });
    expect(seen?.query.get("from_offset")).toBe("7");
    expect(seen?.header("Sec-WebSocket-Version")).toBe("13");
    expect(running.records).toEqual([expect.objectContaining({ method: "GET", route: "/feed", status: 101 })]);
    expect(running.server.openSockets()).toBe(1);
    client.close(1000, "bye");
    await eventually(() => recorder.closes.length === 1);
    expect(recorder.closes).toEqual([[1000, "bye"]]);
    expect(running.server.openSockets()).toBe(0);
  });

  test("a frame may be reused as soon as send returned", async () => {
    acceptAll().onOpen = (socket) => {
      const frame = Buffer.from("a");
      for (const letter of "abc") {
        frame.write(letter);
        socket.send(frame);
      }
    };
    const client = dial();
    const received = messages(client);
    await eventually(() => received.length === 3);
    expect(received.map(String)).toEqual(["a", "b", "c"]);
    client.terminate();
  });

  test("a refusal is a problem reply and no upgrade", async () => {
    accept = () => {
      throw new CodedError("CURSOR_IN_FUTURE", "offset 9 is ahead", { members: { head: 4 } });
    };
    expect(await refusalOf(dial())).toMatchObject({
      status: 416,
      headers: { "content-type": "application/problem+json", "x-error-code": "CURSOR_IN_FUTURE" },
      json: { code: "CURSOR_IN_FUTURE", head: 4 },
    });
    accept = async () => {
      await delay(1);
      throw new CodedError("TOO_MANY_SUBSCRIBERS", "full");
    };
    const full = await refusalOf(dial());
    expect(full).toMatchObject({ status: 429, headers: { "retry-after": "1", "x-request-id": expect.any(String) } });
    running.errors.length = 0;
    accept = () => Promise.reject(new Error("secret"));
    const broken = await refusalOf(dial());
    expect(broken.status).toBe(500);
    expect(JSON.stringify(broken.json)).not.toContain("secret");
    expect(running.errors).toEqual([expect.objectContaining({ message: "secret" })]);
  });

  test("a subprotocol that was not offered is never answered", async () => {
    const handler = acceptAll("other.v1");
    expect((await refusalOf(dial("/feed", ["a.v1"]))).status).toBe(500);
    expect(handler.closes).toEqual([[1006, expect.any(String)]]);
    expect(handler.socket).toBeNull();
  });

  test("without an upgrade, or with another version, the path answers 426", async () => {
    acceptAll();
    for (const method of ["GET", "HEAD"]) {
      const plain = await fetch(`${running.url}/feed`, { method });
      expect(plain.status).toBe(426);
      expect(plain.headers.get("sec-websocket-version")).toBe("13");
      expect(plain.headers.get("x-error-code")).toBe("UPGRADE_REQUIRED");
    }
    const post = await fetch(`${running.url}/feed`, { method: "POST" });
    expect(post.status).toBe(405);
    expect(post.headers.get("allow")).toBe("GET");
    for (const wrong of [{ "sec-websocket-version": "8" }, { "sec-websocket-key": "short" }]) {
      using raw = running.open();
      raw.write(head("GET", "/feed", { ...UPGRADE, ...wrong }));
      expect(await raw.until((text) => text.endsWith("}"))).toMatch(/^HTTP\/1.1 426 [\s\S]*upgrade: websocket/i);
    }
    expect((await refusalOf(dial("/feed/"))).status).toBe(404);
    expect(recorder.socket).toBeNull();
  });

  test("a client that leaves while it is being accepted releases what accept took", async () => {
    const handler = new Recorder();
    const pending = gate<SocketHandler>();
    let calls = 0;
    accept = () => {
      calls++;
      return pending.promise;
    };
    const raw = running.open().write(head("GET", "/feed", UPGRADE));
    await eventually(() => calls === 1);
    raw.socket.destroy();
    await eventually(() => running.server.openRequests() === 0);
    pending.open(handler);
    await eventually(() => handler.closes.length === 1);
    expect(handler.closes[0]?.[0]).toBe(1006);
    expect(handler.socket).toBeNull();
    expect(running.server.openSockets()).toBe(0);
  });

  test("the server ends with a code and reason; afterwards the socket is inert", async () => {
    const handler = acceptAll();
    const client = dial();
    await opened(client);
    const closed = closeOf(client);
    const socket = handler.socket!;
    socket.end(4001, "too slow");
    expect(await closed).toEqual([4001, "too slow"]);
    expect(handler.closes).toEqual([[4001, "too slow"]]);
    expect(socket.send(Buffer.from("x"))).toBe(false);
    expect(socket.bufferedBytes()).toBe(0);
    socket.corked(() => socket.send(Buffer.from("x")));
    socket.end(1000, "again");
    socket.terminate();
    expect(handler.closes.length).toBe(1);
  });

  test("terminate closes without a close frame, also from inside opened", async () => {
    const handler = acceptAll();
    handler.onOpen = (socket) => socket.terminate();
    expect((await closeOf(dial()))[0]).toBe(1006);
    expect(handler.closes.length).toBe(1);
  });

  test("a vanished client is closed once with 1006", async () => {
    const handler = acceptAll();
    const client = dial();
    await opened(client);
    client.terminate();
    await eventually(() => handler.closes.length === 1);
    expect(handler.closes[0]?.[0]).toBe(1006);
  });

  test("client messages are ignored, pings answered, and one too big closes the socket", async () => {
    const handler = acceptAll();
    const client = dial();
    await opened(client);
    client.send("hello");
    client.send(Buffer.alloc(1024));
    const pong = new Promise<Buffer>((resolve) => client.once("pong", resolve));
    client.ping("are you there");
    expect(String(await pong)).toBe("are you there");
    expect(handler.closes).toEqual([]);
    client.send(Buffer.alloc(1025));
    await eventually(() => handler.closes.length === 1);
  });

  test("a fault in a handler ends its own socket only", async () => {
    running.errors.length = 0;
    acceptAll().onOpen = () => {
      throw new Error("broken handler");
    };
    expect(await closeOf(dial())).toEqual([1011, "Internal server error"]);
    expect(running.errors).toEqual([expect.objectContaining({ message: "broken handler" })]);
  });

  test("the backlog of a client that does not read is bounded, and nothing of an accepted frame is lost", async () => {
    const handler = acceptAll();
    const client = dial();
    let receivedBytes = 0;
    client.on("message", (message) => {
      receivedBytes += (message as Buffer).byteLength;
    });
    await opened(client);
    const socket = handler.socket!;
    const frame = Buffer.alloc(100_000, 1);
    let acceptedBytes = 0;
    // Each time it is told that there is room again.
    for (let round = 0; round < 2; round++) {
      client.pause();
      const before = { acceptedBytes, drains: handler.drains };
      for (let i = 0; i < 1000 && socket.send(frame); i++) acceptedBytes += frame.byteLength;
      expect(acceptedBytes - before.acceptedBytes).toBeLessThan(100_000_000);
      expect(socket.bufferedBytes()).toBeGreaterThan(1_000_000);
      expect(socket.bufferedBytes()).toBeLessThan(1_000_000 + 2 * frame.byteLength);
      client.resume();
      await eventually(() => receivedBytes === acceptedBytes && socket.bufferedBytes() === 0);
      await eventually(() => handler.drains > before.drains);
    }
    expect(socket.send(frame)).toBe(true);
    client.terminate();
  });

  test("a silent connection is pinged before it counts as dead", async () => {
    await using server = await startTestServer(transport, [], socketRoutes, { pingIntervalS: 8 });
    const handler = acceptAll();
    const client = new WebSocket(`ws://${server.server.address}/feed`);
    await opened(client);
    await new Promise((resolve) => client.once("ping", resolve));
    expect(handler.closes).toEqual([]);
    client.terminate();
  });
});
