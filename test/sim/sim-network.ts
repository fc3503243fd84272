/**
 * Connections between clients and the service: requests, answers and frames travel in queues of their own, at any speed,
 * and may break anywhere. What crosses is shown to the judge where it leaves the service.
 */
import { crc32 } from "node:zlib";
import { problemReply } from "../../src/api/problem.js";
import type { WebSocketLike } from "../../src/client/entry-socket.js";
import type { Fetch } from "../../src/client/http-channel.js";
import type { HttpReply, HttpRequest, Socket, SocketHandler, UpgradeRequest } from "../../src/transport/http.js";
import type { Judge } from "./judge.js";
import type { Scheduler } from "./scheduler.js";
import type { SimService } from "./sim-service.js";

/** The address that clients know; a process may or may not listen there. */
export class Network {
  service: SimService | null = null;
  /** Chance per request that its connection breaks on the way there, and on the way back. */
  breakChance = 0;
  readonly scheduler: Scheduler;
  readonly judge: Judge;
  readonly #open = new Set<{ break(): void }>();
  #connections = 0;

  constructor(scheduler: Scheduler, judge: Judge) {
    this.scheduler = scheduler;
    this.judge = judge;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** The process is gone: every connection breaks, each where it stands. */
  breakAll(): void {
    for (const connection of [...this.#open]) connection.break();
  }

  breakOne(): void {
    if (this.#open.size > 0) this.scheduler.random.pick([...this.#open]).break();
  }

  readonly fetch: Fetch = (url, init) =>
    new Promise<Response>((resolve, reject) => {
      const queue = `http${this.#connections++}`;
      const { scheduler } = this;
      const connection = { break: () => fail() };
      const fail = (): void => {
        this.#open.delete(connection);
        scheduler.post(queue, () => reject(new TypeError("fetch failed")));
      };
      init.signal?.addEventListener("abort", () => reject(init.signal!.reason), { once: true });
      this.#open.add(connection);
      scheduler.post(queue, () => {
        if (this.service === null || scheduler.random.chance(this.breakChance)) return fail();
        void this.ask(init.method ?? "GET", new URL(url), String(init.body ?? "")).then((reply) => {
          if (!this.#open.has(connection)) return;
          this.judge.answered(url, init, reply);
          if (scheduler.random.chance(this.breakChance)) return fail();
          scheduler.post(queue, () => {
            this.#open.delete(connection);
            this.judge.heard(init, reply);
            resolve(responseOf(reply));
          });
        });
      });
    });

  /** One request, as the transport hands it to its route. */
  async ask(method: string, url: URL, body = ""): Promise<HttpReply> {
    const route = this.service!.routes.get(`${method} ${url.pathname}`)!;
    const request: HttpRequest = { ...requestOf(url), method, params: {}, body: Buffer.from(body) };
    try {
      return await route.handle(request);
    } catch (error) {
      return problemReply(error, "");
    }
  }

  /** A handshake: the handler, or the refusal. */
  async accept(url: URL): Promise<SocketHandler | HttpReply> {
    try {
      return await this.service!.socketRoute.accept({ ...requestOf(url), protocols: [] });
    } catch (error) {
      return problemReply(error, "");
    }
  }

  /** Connects a client's socket, as far as the service lets it. */
  connect(client: SimWebSocket): void {
    const { scheduler } = this;
    const queue = `ws${this.#connections++}`;
    let link: SimSocket | null = null;
    const connection = {
      break: () => {
        if (!this.#open.delete(connection)) return;
        link?.vanish();
        scheduler.post(queue, () => client.onclose?.({}));
      },
    };
    this.#open.add(connection);
    client.leave = () => connection.break();
    scheduler.post(queue, () => {
      if (this.service === null) return connection.break();
      void this.accept(new URL(client.url)).then((accepted) => {
        if ("status" in accepted) return connection.break();
        if (!this.#open.has(connection)) return accepted.closed(1006, "");
        link = new SimSocket(this, queue, client, accepted, () => connection.break());
        accepted.opened(link);
      });
    });
  }
}

/** A sent byte counts for this many, so that a few small entries fill what a socket and a subscription may hold. */
const BYTE_WEIGHT = 8;

/** What a run of the service writes into one socket, on its way to the client. */
export class SimSocket implements Socket {
  readonly #network: Network;
  readonly #queue: string;
  readonly #client: SimWebSocket;
  readonly #handler: SocketHandler;
  readonly #lose: () => void;
  /** Bytes the kernel takes before `bufferedBytes` rises, and the backlog at which `send` refuses. */
  readonly #windowBytes: number;
  readonly #backlogBytesMax: number;
  readonly #frames: Buffer[] = [];
  #bytes = 0;
  #isOpen = true;
  #isMoving = false;

  constructor(network: Network, queue: string, client: SimWebSocket, handler: SocketHandler, lose: () => void) {
    const { random } = network.scheduler;
    this.#network = network;
    this.#queue = queue;
    this.#client = client;
    this.#handler = handler;
    this.#lose = lose;
    this.#windowBytes = random.pick([0, 2_000, 60_000]);
    this.#backlogBytesMax = random.pick([1_000, 40_000, 8_000_000]);
    client.opened = this;
    network.judge.subscribed(this, new URL(client.url));
    network.scheduler.post(queue, () => this.#isOpen && client.onopen?.({}));
  }

  send(frame: Uint8Array): boolean {
    if (!this.#isOpen || this.bufferedBytes() > this.#backlogBytesMax) return false;
    // The bytes are the socket's own from here on.
    const copy = Buffer.from(frame);
    this.#network.judge.sent(this, copy);
    this.#network.scheduler.note(`${this.#queue} sent ${crc32(copy)}`);
    this.#frames.push(copy);
    this.#bytes += copy.length * BYTE_WEIGHT;
    this.move();
    return true;
  }

  corked(work: () => void): void {
    work();
  }

  bufferedBytes(): number {
    return this.#isOpen ? Math.max(0, this.#bytes - this.#windowBytes) : 0;
  }

  end(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#handler.closed(code, reason);
    this.#lose();
  }

  terminate(): void {
    this.end(1006, "");
  }

  /** The peer or the process is gone; what was not taken is lost. */
  vanish(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#frames.length = 0;
    if (this.#network.service !== null) this.#handler.closed(1006, "");
  }

  /** Somebody reads at the other end. */
  get isRead(): boolean {
    return this.#isOpen && !this.#client.isClosed && !this.#client.isPaused;
  }

  /** One frame at a time, in turns with everything else. */
  move(): void {
    if (this.#isMoving || this.#frames.length === 0 || this.#client.isPaused) return;
    this.#isMoving = true;
    this.#network.scheduler.post(this.#queue, () => {
      this.#isMoving = false;
      const before = this.bufferedBytes();
      const frame = this.#client.isPaused ? undefined : this.#frames.shift();
      if (frame === undefined) return;
      this.#bytes -= frame.length * BYTE_WEIGHT;
      this.#client.onmessage?.({ data: frame.toString() });
      if (this.#isOpen && this.bufferedBytes() < before) this.#handler.drained();
      this.move();
    });
  }
}

/** The client's end, as a browser's socket behaves. */
export class SimWebSocket implements WebSocketLike {
  binaryType = "";
  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onclose: ((event: object) => void) | null = null;
  opened: SimSocket | null = null;
  isPaused = false;
  isClosed = false;
  /** Breaks the connection, from this end. */
  leave = (): void => {};
  readonly url: string;
  readonly #network: Network;

  constructor(network: Network, url: string) {
    this.#network = network;
    this.url = url;
    network.connect(this);
  }

  close(): void {
    this.isClosed = true;
    this.#network.scheduler.post("closings", () => this.leave());
  }
}

/** As `ws`: it can be held back. */
export class PausableSimWebSocket extends SimWebSocket {
  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.opened?.move();
  }

  terminate(): void {
    this.close();
  }
}

function requestOf(url: URL): UpgradeRequest {
  return {
    path: url.pathname,
    query: url.searchParams,
    header: () => undefined,
    remoteAddress: "127.0.0.1",
    requestId: "",
    protocols: [],
  };
}

/** The part of a Response that clients read. */
function responseOf({ status, headers = {}, body }: HttpReply): Response {
  const text = Buffer.from(body as Uint8Array).toString();
  const response = { ok: status < 400, status, headers: new Headers(headers), text: () => Promise.resolve(text) };
  return response as unknown as Response;
}
