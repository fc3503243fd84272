/** A WebSocket subscriber that keeps what it got, byte for byte, and can be asked to wait for more. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import type { Answer, TestService } from "./service.js";

export interface SubscribeOptions {
  readonly key?: string;
  readonly path?: string;
}

export interface Closing {
  /** 1006 when the server went without a close frame. */
  readonly code: number;
  readonly reason: string;
}

/** The handshake was answered with plain HTTP. */
export class UpgradeRefused extends Error {
  override readonly name = "UpgradeRefused";

  constructor(readonly answer: Answer) {
    super(`${answer.status} ${answer.text}`);
  }
}

export class Subscriber implements AsyncDisposable {
  /** Messages in order of arrival. */
  readonly frames: Buffer[] = [];
  readonly closed: Promise<Closing>;
  readonly socket: WebSocket;
  /** Messages that came as binary instead of text. */
  binaryFrames = 0;
  #onFrame: (() => void) | null = null;

  private constructor(url: string, headers: Record<string, string>) {
    this.socket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.closed = new Promise((resolve) => {
      this.socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.socket.on("message", (message, isBinary) => {
      this.frames.push(message as Buffer);
      if (isBinary) this.binaryFrames += 1;
      this.#onFrame?.();
    });
  }

  /** `query` without the question mark. Rejects with UpgradeRefused. */
  static async open(service: TestService, query = "", options: SubscribeOptions = {}): Promise<Subscriber> {
    const { key = service.adminKey, path = "/subscribe" } = options;
    const subscriber = new Subscriber(`${service.wsUrl}${path}?${query}`, { authorization: `ApiKey ${key}` });
    await new Promise<void>((resolve, reject) => {
      subscriber.socket.once("open", resolve);
      subscriber.socket.on("error", reject);
      subscriber.socket.once("unexpected-response", (_, response) => {
        readAnswer(response).then((answer) => reject(new UpgradeRefused(answer)), reject);
      });
    });
    return subscriber;
  }

  /** Resolves when `count` messages have come; rejects when the socket closes before. */
  async until(count: number): Promise<void> {
    const isClosed = this.closed.then(({ code, reason }) => {
      if (this.frames.length < count)
        throw new Error(`closed with ${code} ${reason} after ${this.frames.length} frames`);
    });
    isClosed.catch(() => {});
    while (this.frames.length < count) {
      const frame = new Promise<void>((resolve) => {
        this.#onFrame = resolve;
      });
      await Promise.race([frame, isClosed]);
    }
  }

  /** The entries of the frames, for one frame per entry. */
  get entries(): LogFrame[] {
    return this.frames.map(parseFrame);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

export interface LogFrame {
  readonly kind: string;
  readonly offset: number;
  readonly tenant_id: string;
  readonly store_id: string;
  readonly sequence_number: number;
  readonly event: import("../../src/protocol/envelope.js").EventEnvelope;
  readonly receipt: import("../../src/protocol/receipt.js").Receipt;
}

export function parseFrame(frame: Uint8Array): LogFrame {
  return JSON.parse(Buffer.from(frame).toString("utf8")) as LogFrame;
}

/** The receipt's own text inside a frame. */
export function receiptTextOf(frame: Uint8Array): string {
  const text = Buffer.from(frame).toString("utf8");
  return text.slice(text.lastIndexOf(',"receipt":') + ',"receipt":'.length, -1);
}

/** What the handshake is answered with when it must not succeed. */
export async function refusedSubscription(
  service: TestService,
  query: string,
  options: SubscribeOptions = {},
): Promise<Answer> {
  try {
    await using subscriber = await Subscriber.open(service, query, options);
    throw new Error(`the subscription was accepted: ${subscriber.socket.url}`);
  } catch (error) {
    if (error instanceof UpgradeRefused) return error.answer;
    throw error;
  }
}

/** All entries from `fromOffset` on, each as the bytes in the body, over as many pages as it takes. */
export async function readLog(service: TestService, query = "", fromOffset = 0): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  let next = fromOffset;
  for (;;) {
    const answer = await service.get(`/api/v1/log?from_offset=${next}&limit=1000&${query}`);
    if (answer.status !== 200) throw new Error(answer.text);
    const page = answer.json as { next_offset: number; head_offset: number; entries: unknown[] };
    frames.push(...entryTexts(answer.text).map((text) => Buffer.from(text, "utf8")));
    next = page.next_offset;
    if (next >= page.head_offset) return frames;
  }
}

/** The texts of the `entries` of a `/api/v1/log` body, untouched. */
export function entryTexts(body: string): string[] {
  const list = body.slice(body.indexOf('"entries":[') + '"entries":['.length, -2);
  return list === "" ? [] : list.split(/(?<=\}\}),(?=\{"kind":"ves_event","offset":)/);
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(response, "end");
  const text = Buffer.concat(chunks).toString("utf8");
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value));
  return { status: response.statusCode!, headers, text, json: JSON.parse(text) };
}
