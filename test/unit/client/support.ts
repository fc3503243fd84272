/** A service made of answers: fetch, WebSocket and time of a client, driven by hand. */
import type { ClientClock } from "../../../src/client/client-clock.js";
import type { Transition } from "../../../src/client/connection-states.js";
import type { WebSocketConstructor, WebSocketLike } from "../../../src/client/entry-socket.js";
import type { Fetch } from "../../../src/client/http-channel.js";
import { SequencerClient, type SequencerClientOptions } from "../../../src/client/sequencer-client.js";
import type { SubscribeOptions } from "../../../src/client/subscribe-options.js";
import type { Subscription } from "../../../src/client/subscription.js";

export const LOG = { log_id: "11111111-1111-1111-1111-111111111111", epoch: 1 };

/** Time stands still until it is told to go on. */
export class HandClock implements ClientClock {
  #nowMs = 1_700_000_000_000;
  #elapsedMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#elapsedMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Delays of what is waited for, milliseconds, shortest first. */
  get waits(): number[] {
    return this.#timers.map(({ atMs }) => atMs - this.#elapsedMs).sort((a, b) => a - b);
  }

  /** Somebody sets it, by so many milliseconds: delays under way stay as long as they are. */
  set(byMs: number): void {
    this.#nowMs += byMs;
  }

  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    this.#elapsedMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#elapsedMs).sort((a, b) => a.atMs - b.atMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { run } of due) run();
    await settle();
  }
}

export interface Asked {
  readonly url: URL;
  readonly init: RequestInit;
  answer(body: unknown, status?: number, headers?: Record<string, string>): Promise<void>;
  break(): Promise<void>;
}

/** Requests wait here until the test answers them. */
export class HandFetch {
  readonly asked: Asked[] = [];

  readonly fetch: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(init.signal!.reason), { once: true });
      this.asked.push({
        url: new URL(url),
        init,
        answer: (body, status = 200, headers = {}) => {
          const text = typeof body === "string" ? body : JSON.stringify(body);
          resolve(new Response(text, { status, headers }));
          return settle();
        },
        break: () => {
          reject(new TypeError("fetch failed"));
          return settle();
        },
      });
    });

  get last(): Asked {
    return this.asked.at(-1)!;
  }
}

export class HandSocket implements WebSocketLike {
  static made: HandSocket[] = [];
  binaryType = "blob";
  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onclose: ((event: object) => void) | null = null;
  isClosed = false;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    HandSocket.made.push(this);
  }

  static get last(): HandSocket {
    return HandSocket.made.at(-1)!;
  }

  close(): void {
    this.isClosed = true;
  }

  async open(): Promise<void> {
    this.onopen?.({});
    await settle();
  }

  async send(data: unknown): Promise<void> {
    this.onmessage?.({
      data: typeof data === "object" && !(data instanceof ArrayBuffer) ? JSON.stringify(data) : data,
    });
    await settle();
  }

  async lose(): Promise<void> {
    this.onerror?.({});
    this.onclose?.({});
    await settle();
  }
}

/** As `ws`: it can be held back. */
export class PausableSocket extends HandSocket {
  readonly calls: string[] = [];
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
  terminate(): void {
    this.calls.push("terminate");
    this.isClosed = true;
  }
}

export interface Bench {
  readonly clock: HandClock;
  readonly http: HandFetch;
  readonly client: SequencerClient;
  readonly subscription: Subscription;
  readonly steps: Transition[];
}

export function benchOf(
  subscribe: SubscribeOptions = {},
  options: { WebSocket?: WebSocketConstructor } & Partial<SequencerClientOptions> = {},
): Bench {
  HandSocket.made = [];
  const clock = new HandClock();
  const http = new HandFetch();
  const steps: Transition[] = [];
  const client = new SequencerClient({
    url: "https://sequencer.example/base/",
    apiKey: "ss_test",
    fetch: http.fetch,
    WebSocket: HandSocket,
    clock,
    random: () => 0,
    ...options,
  });
  const subscription = client.subscribe({ onTransition: (step) => steps.push(step), ...subscribe });
  return { clock, http, client, subscription, steps };
}

export function entry(offset: number): object {
  return { kind: "ves_event", offset, sequence_number: offset + 1, event: {}, receipt: {} };
}

export function entries(from: number, end: number): object[] {
  return Array.from({ length: end - from }, (_, index) => entry(from + index));
}

/** A page of all offsets in [from, nextOffset). */
export function page(from: number, nextOffset: number, headOffset = nextOffset): object {
  return { ...LOG, entries: entries(from, nextOffset), next_offset: nextOffset, head_offset: headOffset };
}

/** Lets everything that is ready happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
