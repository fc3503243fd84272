import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { CHECKED_BYTES } from "../../../bench/load/entry-check.js";
import { FrameSocket, type FrameSocketOptions } from "../../../bench/load/frame-socket.js";

/** What a FrameSocket makes of messages that a real WebSocket server sends. */
async function receive(
  messages: readonly string[],
  check?: FrameSocketOptions["check"],
): Promise<{ heard: string[]; socket: FrameSocket }> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (client) => {
    client.ping();
    for (const message of messages) client.send(message);
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const heard: string[] = [];
  try {
    const socket = await new Promise<FrameSocket>((resolve, reject) => {
      const opened: FrameSocket = new FrameSocket({
        ...{
          port: (server.address() as AddressInfo).port,
          path: "/",
          apiKey: "none",
          onOpen: () => {},
          onClosed: reject,
        },
        ...(check === undefined ? {} : { check }),
        onMessage: (payload) => heard.push(payload.toString()),
        onProgress: () => {
          if (opened.messages === messages.length) resolve(opened);
        },
      });
    });
    socket[Symbol.dispose]();
    return { heard, socket };
  } finally {
    for (const client of server.clients) client.terminate();
    server.close();
  }
}

describe("a frame socket", () => {
  it("hears every message whole, of all three head sizes and over many reads", async () => {
    const sizes = [1, 125, 126, 127, 65_535, 65_536, 1_000_000, 3];
    const messages = sizes.map((size, index) => String.fromCharCode(97 + index).repeat(size));
    const { heard, socket } = await receive(messages);
    expect(heard).toEqual(messages);
    expect(socket.messages).toBe(sizes.length);
    expect(socket.payloadBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  it("hears many small messages in one read, and counts no ping", async () => {
    const messages = Array.from({ length: 5_000 }, (_, index) => `{"offset":${index}}`);
    expect((await receive(messages)).heard).toEqual(messages);
  });

  it("shows the beginning of every message before it counts it, and ends on what is thrown there", async () => {
    const messages = Array.from({ length: 3_000 }, (_, index) => `${index}.`.padEnd(1 + ((index * 37) % 700), "x"));
    const shown: string[] = [];
    const { heard } = await receive(messages, (bytes, at, length, end) => {
      expect(end - at).toBeGreaterThanOrEqual(Math.min(length, CHECKED_BYTES));
      shown.push(bytes.toString("latin1", at, at + Math.min(length, CHECKED_BYTES)));
    });
    expect(heard).toEqual(messages);
    expect(shown).toEqual(messages.map((message) => message.slice(0, CHECKED_BYTES)));
    const fault = (): void => {
      throw new Error("not the next one");
    };
    await expect(receive(messages, fault)).rejects.toThrow("not the next one");
  });

  it("says when it is not upgraded", async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, verifyClient: () => false });
    await new Promise((resolve) => server.once("listening", resolve));
    const closed = await new Promise<Error>((resolve) => {
      const { port } = server.address() as AddressInfo;
      new FrameSocket({ port, path: "/", apiKey: "none", onOpen: () => {}, onClosed: resolve });
    });
    server.close();
    expect(closed.message).toContain("no upgrade: HTTP/1.1 401");
  });
});
