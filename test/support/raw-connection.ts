/** One TCP connection that speaks HTTP/1.1 by hand: for what no well-behaved client would do. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Answer, TestService } from "./service.js";

export class RawConnection implements Disposable {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #isOver = false;

  private constructor(
    socket: Socket,
    private readonly service: TestService,
  ) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#isOver = true;
    });
  }

  static async open(service: TestService): Promise<RawConnection> {
    const socket = connect(service.process.port, "127.0.0.1");
    await once(socket, "connect");
    socket.setNoDelay(true);
    return new RawConnection(socket, service);
  }

  /** Bytes that came and were not read as part of an answer. */
  get received(): Buffer {
    return this.#received;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  writeHead(method: string, path: string, headers: Readonly<Record<string, string>> = {}): void {
    const all = { host: "test", authorization: `ApiKey ${this.service.adminKey}`, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.write(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    this.writeHead("GET", path, headers);
    return this.answer();
  }

  async post(path: string, body: string): Promise<Answer> {
    const length = String(Buffer.byteLength(body));
    this.writeHead("POST", path, { "content-type": "application/json", "content-length": length });
    this.write(body);
    return this.answer();
  }

  /** The handshake of a subscription. Its answer is an Answer in either case; 101 when it was accepted. */
  async upgrade(path: string): Promise<Answer> {
    this.writeHead("GET", path, {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": Buffer.alloc(16, 7).toString("base64"),
    });
    return this.answer();
  }

  /** Reads the next answer. Rejects when the connection ends before it is complete. */
  async answer(): Promise<Answer> {
    const end = await this.#until(() => this.#received.indexOf("\r\n\r\n"));
    const [statusLine = "", ...lines] = this.#received.subarray(0, end).toString("latin1").split("\r\n");
    const headers = new Headers(lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]));
    const length = Number(headers.get("content-length") ?? 0);
    await this.#until(() => (this.#received.length >= end + 4 + length ? 0 : -1));
    const text = this.#received.subarray(end + 4, end + 4 + length).toString("utf8");
    this.#received = this.#received.subarray(end + 4 + length);
    return { status: Number(statusLine.split(" ")[1]), headers, text, json: text === "" ? null : JSON.parse(text) };
  }

  /** Resolves when at least this many bytes wait to be read. */
  async bytes(count: number): Promise<void> {
    await this.#until(() => (this.#received.length >= count ? 0 : -1));
  }

  /** Resolves when the connection is gone. */
  async closed(): Promise<void> {
    if (!this.#isOver) await once(this.socket, "close");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  async #until(find: () => number): Promise<number> {
    for (;;) {
      const at = find();
      if (at >= 0) return at;
      if (this.#isOver) throw new Error(`the connection ended after ${this.#received.length} unread bytes`);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.socket.off("data", done).off("close", done);
          resolve();
        };
        this.socket.on("data", done).on("close", done);
      });
    }
  }
}
