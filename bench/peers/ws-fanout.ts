/** The naive way to fan out: the library `ws`, one `send` per client and frame. In a process of its own, like the service. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { Child, serveSteps } from "../child.js";

/** The bench's end. */
export class WsFanout implements Disposable {
  readonly #child = new Child(import.meta.url);

  get pid(): number {
    return this.#child.pid;
  }

  /** Listens; returns the port. */
  listen(): Promise<number> {
    return this.#child.ask("listen");
  }

  /** Sends each frame to every client; resolves when all are handed to their sockets. */
  broadcast(frames: readonly Uint8Array[], msMax: number): Promise<void> {
    return this.#child.ask("broadcast", frames, msMax);
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}

/** Backlog of the slowest client at which the next frame waits: memory, not fairness, would end the comparison. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

let server: WebSocketServer;

async function listen(): Promise<number> {
  server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function broadcast(frames: readonly Uint8Array[]): Promise<void> {
  for (const frame of frames) {
    let backlog = 0;
    for (const client of server.clients) {
      client.send(frame, { binary: false });
      backlog = Math.max(backlog, client.bufferedAmount);
    }
    await nextTurn();
    while (backlog > BACKLOG_BYTES_MAX) {
      await nextTurn();
      backlog = Math.max(...[...server.clients].map((client) => client.bufferedAmount));
    }
  }
}

serveSteps(import.meta.url, { listen, broadcast });
