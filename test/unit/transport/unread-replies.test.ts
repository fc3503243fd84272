import { describe, expect, test } from "vitest";
import { hasNativeTransport } from "../../../src/transport/native.js";
import { PendingReplies, type PendingReply } from "../../../src/transport/pending-replies.js";
import { eventually, head, type RawClient, startTestServer, TRANSPORTS } from "./harness.js";

/** Clients that ask and do not read what they are answered. */

const reply = (bytes: number) => ({ status: 200, body: new Uint8Array(bytes) });

const SMALL = { method: "GET", path: "/small", handle: () => reply(50_000) } as const;
/** More than the kernel takes for a client. */
const LARGE_BYTES = 24 * 1024 * 1024;
const LARGE = { method: "GET", path: "/large", handle: () => reply(LARGE_BYTES) } as const;

function unread(client: RawClient): RawClient {
  client.socket.pause();
  return client;
}

describe.runIf(hasNativeTransport)("native: replies that wait in memory", () => {
  test.each(["GET", "HEAD"])("%s requests behind a reply that is not read end the connection", async (method) => {
    await using running = await startTestServer("native", [SMALL]);
    using client = unread(running.open());
    // Their replies are 1 GB: ten times what a kernel holds for one connection.
    const requests = method === "GET" ? 20_000 : 200_000;
    for (let i = 0; i < requests / 1000; i++) client.write(head(method, "/small").repeat(1000));
    await eventually(() => client.socket.destroyed || running.records.some(({ status }) => status === 499));
    expect(running.records.length).toBeLessThan(2_000);
    expect(running.server.openRequests()).toBe(0);
  });
});

describe.each(TRANSPORTS)("%s: large replies", (transport) => {
  test("of those that wait, the oldest are cut off beyond the bound; who reads gets all of it", async () => {
    const limits = { replyBytesInFlightMax: 2.5 * LARGE_BYTES };
    await using running = await startTestServer(transport, [LARGE], [], limits);
    const clients: RawClient[] = [];
    for (let asked = 1; asked <= 4; asked++) {
      clients.push(unread(running.open()).write(head("GET", "/large")));
      await eventually(() => running.records.length + running.server.openRequests() === asked);
    }
    await eventually(() => running.server.openRequests() === 2);
    expect(running.records.map(({ status }) => status)).toEqual([499, 499]);
    for (const client of clients) client.socket.resume();
    for (const [at, client] of clients.entries()) {
      if (at < 2) expect((await client.closed()).length).toBeLessThan(LARGE_BYTES);
      else await client.until((received) => received.length > LARGE_BYTES);
    }
    await eventually(() => running.records.length === 4);
    expect(running.records.map(({ status }) => status)).toEqual([499, 499, 200, 200]);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("those that were taken at once never count", async () => {
    const limits = { replyBytesInFlightMax: LARGE_BYTES + 100_000 };
    await using running = await startTestServer(transport, [SMALL, LARGE], [], limits);
    using waiting = unread(running.open()).write(head("GET", "/large"));
    await eventually(() => running.server.openRequests() === 1);
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(`${running.url}/small`);
      expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 50_000]);
    }
    expect(running.server.openRequests()).toBe(1);
    waiting.socket.resume();
    await waiting.until((received) => received.length > LARGE_BYTES);
    await eventually(() => running.records.length === 6);
    expect(new Set(running.records.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

test("a lone reply waits whatever its size; what was taken counts no more", () => {
  const cut: string[] = [];
  const waiting = (name: string) => ({ cutOff: () => void cut.push(name) });
  const replies = new PendingReplies(10);
  const [a, b, c] = ["a", "b", "c"].map(waiting) as [PendingReply, PendingReply, PendingReply];
  replies.add(a, 11);
  expect(cut).toEqual([]);
  replies.add(b, 4);
  expect([cut, replies.bytes]).toEqual([["a"], 4]);
  replies.remove(a);
  replies.remove(b);
  replies.remove(b);
  expect(replies.bytes).toBe(0);
  replies.add(b, 5);
  replies.add(c, 5);
  expect([cut, replies.bytes]).toEqual([["a"], 10]);
});
