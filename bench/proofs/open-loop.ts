/**
 * Sends prepared requests at a fixed rate, whatever the service does: a late answer does not slow the offered load down,
 * so waiting shows in the latencies instead of vanishing from them.
 */
import { HttpConnection } from "../load/http-connection.js";

export interface OpenLoopOptions {
  readonly port: number;
  /** Requests that can be on the wire at once; what is due beyond waits, and its wait counts. */
  readonly connections: number;
  readonly requests: readonly Buffer[];
  readonly requestsPerSecond: number;
}

export interface OpenLoopResult {
  readonly wallMs: number;
  /** From the moment a request was handed to the loop to its last byte read, in the order of sending. */
  readonly ackMs: Float64Array;
  /** Replies with another status than 200. */
  readonly refusals: number;
}

/** Between two looks at the clock. A request is due at the first look after its time: its latency starts there. */
const TICK_MS = 1;

export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () => HttpConnection.open(options.port, (error) => fail(error))),
  );
  try {
    return await Promise.race([drive(connections, options), failed]);
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
}

function drive(connections: readonly HttpConnection[], options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { requests, requestsPerSecond } = options;
  const free = [...connections];
  const dueMs = new Float64Array(requests.length);
  const ackMs = new Float64Array(requests.length);
  const startedMs = performance.now();
  let due = 0;
  let sent = 0;
  let answered = 0;
  let refusals = 0;
  return new Promise((resolve) => {
    const send = (): void => {
      while (sent < due && free.length > 0) {
        const connection = free.pop()!;
        const index = sent++;
        connection.send(requests[index]!, ({ status }) => {
          ackMs[index] = performance.now() - dueMs[index]!;
          if (status !== 200) refusals++;
          free.push(connection);
          if (++answered === requests.length) finish();
          else send();
        });
      }
    };
    const timer = setInterval(() => {
      const nowMs = performance.now();
      const target = Math.min(requests.length, Math.floor(((nowMs - startedMs) * requestsPerSecond) / 1000));
      for (; due < target; due++) dueMs[due] = nowMs;
      send();
    }, TICK_MS);
    const finish = (): void => {
      clearInterval(timer);
      resolve({ wallMs: performance.now() - startedMs, ackMs, refusals });
    };
  });
}
