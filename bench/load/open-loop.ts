/**
 * Sends requests at the times they are meant to be sent, whether or not earlier ones were answered. Every latency counts
 * from the intended time: a request that waited in this client because the service was slow has waited (no coordinated
 * omission). Arrivals are Poisson: the number due in each millisecond is drawn, and all of them are due at its start.
 */
import { HttpConnection } from "./http-connection.js";
import { beat, sharedNowMs } from "./ticker.js";

export interface OpenLoopOptions {
  readonly port: number;
  readonly requests: readonly Buffer[];
  readonly perSecond: number;
  readonly msMax: number;
  /** Requests that may be unanswered at once; more wait here, and their wait counts. */
  readonly connections: number;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  onAnswered?(index: number, nowMs: number): void;
}

export interface OpenLoopResult {
  readonly requestsSent: number;
  readonly eventsAccepted: number;
  readonly accepted: number;
  /** From the first intended time to the last reply. */
  readonly wallMs: number;
  /** From the first to the last intended time. */
  readonly offeredMs: number;
  readonly clientCpuMs: number;
  /** Of requests answered with 200, from the intended time. */
  readonly ackMs: Float64Array;
  /** Of requests answered with 429 or 503, from the intended time. */
  readonly refusalMs: Float64Array;
  /** From the intended time to the first byte written, of all: how far this client fell behind. */
  readonly lateMs: Float64Array;
  /** Refusals without a Retry-After of at least a second. */
  readonly refusalsWithoutRetryAfter: number;
  /** Answers that are neither 200 nor 429 nor 503. */
  readonly faults: number;
  /** Intended time of each request sent, `sharedNowMs` clock. */
  readonly intendedMs: Float64Array;
}

const START_DELAY_MS = 50;
const OPEN_AT_ONCE = 64;

/** Connections that may close under a request in one drive. */
const LOST_MAX = 50;

export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  using drive = new Drive(options);
  await drive.open();
  return await Promise.race([drive.run(), drive.failed]);
}

class Drive implements Disposable {
  /** A connection that could not be opened, or closed too often. */
  readonly failed: Promise<never>;
  readonly #options: OpenLoopOptions;
  /** The request each connection has unanswered; null = free. */
  readonly #connections = new Map<HttpConnection, number | null>();
  readonly #free: HttpConnection[] = [];
  #opening = 0;
  #lost = 0;
  #intendedMs: Float64Array = new Float64Array(0);
  #lateMs: Float64Array = new Float64Array(0);
  readonly #ackMs: number[] = [];
  readonly #refusalMs: number[] = [];
  /** To be sent again: their connection closed under them. A repeat of an event is answered with the same receipt. */
  readonly #again: number[] = [];
  #sent = 0;
  #answered = 0;
  #eventsAccepted = 0;
  #withoutRetryAfter = 0;
  #faults = 0;
  #onAnswered: () => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** In groups: the listen queue of a fresh socket is short. */
  async open(): Promise<void> {
    while (this.#connections.size < this.#options.connections) {
      const group = Math.min(OPEN_AT_ONCE, this.#options.connections - this.#connections.size);
      await Promise.all(Array.from({ length: group }, () => this.#openOne()));
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections.keys()) connection[Symbol.dispose]();
  }

  async #openOne(): Promise<void> {
    this.#opening++;
    let opened: HttpConnection | null = null;
    const connection = await HttpConnection.open(this.#options.port, (error) => {
      if (opened === null) this.#fail(error);
      else this.#closed(opened, error);
    });
    opened = connection;
    this.#opening--;
    this.#connections.set(connection, null);
    this.#free.push(connection);
  }

  /** The service closes connections that were idle for some seconds: that is no fault, they are opened again when needed. */
  #closed(connection: HttpConnection, error: Error): void {
    const unanswered = this.#connections.get(connection);
    this.#connections.delete(connection);
    connection[Symbol.dispose]();
    if (unanswered === null) {
      this.#free.splice(this.#free.indexOf(connection), 1);
      return;
    }
    if (unanswered === undefined || ++this.#lost > LOST_MAX) {
      this.#fail(error);
      return;
    }
    this.#again.push(unanswered);
    this.#sendDue();
  }

  async run(): Promise<OpenLoopResult> {
    const intended = intendedTimes(this.#options, sharedNowMs() + START_DELAY_MS);
    this.#intendedMs = intended;
    this.#lateMs = new Float64Array(intended.length);
    const startMs = intended[0]!;
    const offeredMs = intended.at(-1)! - startMs + 1;
    const startedCpu = process.cpuUsage();
    await beat({ startMs, everyMs: 1, count: Math.ceil(offeredMs) + 1 }, () => this.#sendDue());
    while (this.#answered < intended.length) {
      this.#sendDue();
      await new Promise<void>((resolve) => {
        this.#onAnswered = resolve;
      });
    }
    const cpu = process.cpuUsage(startedCpu);
    return {
      requestsSent: this.#sent,
      eventsAccepted: this.#eventsAccepted,
      accepted: this.#ackMs.length,
      wallMs: sharedNowMs() - startMs,
      offeredMs,
      clientCpuMs: (cpu.user + cpu.system) / 1000,
      ackMs: Float64Array.from(this.#ackMs),
      refusalMs: Float64Array.from(this.#refusalMs),
      lateMs: this.#lateMs,
      refusalsWithoutRetryAfter: this.#withoutRetryAfter,
      faults: this.#faults,
      intendedMs: intended,
    };
  }

  #sendDue(): void {
    const nowMs = sharedNowMs();
    for (;;) {
      const isDue = this.#sent < this.#intendedMs.length && this.#intendedMs[this.#sent]! <= nowMs;
      if (!isDue && this.#again.length === 0) return;
      const connection = this.#free.pop();
      if (connection === undefined) {
        this.#replaceLost();
        return;
      }
      const again = this.#again.pop();
      if (again === undefined) this.#lateMs[this.#sent] = nowMs - this.#intendedMs[this.#sent]!;
      this.#send(connection, again ?? this.#sent++);
    }
  }

  #replaceLost(): void {
    if (this.#connections.size + this.#opening >= this.#options.connections) return;
    this.#openOne().then(
      () => this.#sendDue(),
      (error: Error) => this.#fail(error),
    );
  }

  #send(connection: HttpConnection, index: number): void {
    const intendedMs = this.#intendedMs[index]!;
    this.#connections.set(connection, index);
    connection.send(this.#options.requests[index]!, ({ status, eventsAccepted, retryAfterSeconds }) => {
      const nowMs = sharedNowMs();
      this.#answered++;
      this.#eventsAccepted += eventsAccepted;
      if (status === 200) {
        this.#ackMs.push(nowMs - intendedMs);
        this.#options.onAnswered?.(index, nowMs);
      } else if (status === 429 || status === 503) {
        this.#refusalMs.push(nowMs - intendedMs);
        if (retryAfterSeconds === null || retryAfterSeconds < 1) this.#withoutRetryAfter++;
      } else this.#faults++;
      this.#connections.set(connection, null);
      this.#free.push(connection);
      this.#sendDue();
      this.#onAnswered();
    });
  }
}

/** Poisson arrivals rounded down to milliseconds, ascending, at most as many as there are requests. */
function intendedTimes({ requests, perSecond, msMax, random }: OpenLoopOptions, startMs: number): Float64Array {
  const times: number[] = [];
  let atMs = 0;
  while (times.length < requests.length && atMs < msMax) {
    times.push(startMs + Math.floor(atMs));
    atMs += (-Math.log(1 - random()) * 1000) / perSecond;
  }
  return Float64Array.from(times);
}
