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

export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const connections: HttpConnection[] = [];
  // In groups: the listen queue of a fresh socket is short.
  while (connections.length < options.connections) {
    const group = Math.min(64, options.connections - connections.length);
    connections.push(
      ...(await Promise.all(
        Array.from({ length: group }, () => HttpConnection.open(options.port, (error) => fail(error))),
      )),
    );
  }
  try {
    return await Promise.race([new Drive(options, connections).run(), failed]);
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
}

class Drive {
  readonly #options: OpenLoopOptions;
  readonly #free: HttpConnection[];
  readonly #intendedMs: Float64Array;
  readonly #ackMs: number[] = [];
  readonly #refusalMs: number[] = [];
  readonly #lateMs: Float64Array;
  #sent = 0;
  #answered = 0;
  #eventsAccepted = 0;
  #withoutRetryAfter = 0;
  #faults = 0;
  #onAnswered: () => void = () => {};

  constructor(options: OpenLoopOptions, connections: readonly HttpConnection[]) {
    this.#options = options;
    this.#free = [...connections];
    this.#intendedMs = intendedTimes(options, sharedNowMs() + START_DELAY_MS);
    this.#lateMs = new Float64Array(this.#intendedMs.length);
  }

  async run(): Promise<OpenLoopResult> {
    const intended = this.#intendedMs;
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
    while (this.#sent < this.#intendedMs.length && this.#intendedMs[this.#sent]! <= nowMs) {
      const connection = this.#free.pop();
      if (connection === undefined) return;
      this.#send(connection, this.#sent++);
    }
  }

  #send(connection: HttpConnection, index: number): void {
    const intendedMs = this.#intendedMs[index]!;
    this.#lateMs[index] = sharedNowMs() - intendedMs;
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
