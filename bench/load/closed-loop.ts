/** Drives prepared requests through a fixed number of connections, each sending its next one when the last is answered. */
import { HttpConnection } from "./http-connection.js";

export interface ClosedLoopOptions {
  readonly port: number;
  readonly connections: number;
  readonly requests: readonly Buffer[];
  /** No request starts later than this. */
  readonly msMax: number;
}

export interface ClosedLoopResult {
  readonly requestsSent: number;
  readonly eventsAccepted: number;
  /** Replies with another status than 200. */
  readonly refusals: number;
  /** From the first byte sent to the last reply. */
  readonly wallMs: number;
  /** CPU of this process in that time, user and system. */
  readonly clientCpuMs: number;
  /** Ack latency of each request in the order of sending, first byte written to last byte read. */
  readonly ackMs: Float64Array;
}

export async function runClosedLoop(options: ClosedLoopOptions): Promise<ClosedLoopResult> {
  const { port, connections: count, requests, msMax } = options;
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const connections = await Promise.all(
    Array.from({ length: count }, () => HttpConnection.open(port, (error) => fail(error))),
  );
  try {
    return await Promise.race([drive(connections, requests, msMax), failed]);
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
}

function drive(
  connections: readonly HttpConnection[],
  requests: readonly Buffer[],
  msMax: number,
): Promise<ClosedLoopResult> {
  const ackMs = new Float64Array(requests.length);
  let next = 0;
  let answered = 0;
  let eventsAccepted = 0;
  let refusals = 0;
  const startedCpu = process.cpuUsage();
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const sendNext = (connection: HttpConnection): void => {
      const sentMs = performance.now();
      if (next === requests.length || sentMs - startedMs > msMax) {
        // The service closes idle connections: one that has nothing to send must not be mistaken for a lost one.
        connection[Symbol.dispose]();
        if (answered === next) finish();
        return;
      }
      const index = next++;
      connection.send(requests[index]!, (reply) => {
        ackMs[index] = performance.now() - sentMs;
        answered++;
        eventsAccepted += reply.eventsAccepted;
        if (reply.status !== 200) refusals++;
        sendNext(connection);
      });
    };
    const finish = (): void => {
      const wallMs = performance.now() - startedMs;
      const cpu = process.cpuUsage(startedCpu);
      const clientCpuMs = (cpu.user + cpu.system) / 1000;
      resolve({ requestsSent: next, eventsAccepted, refusals, wallMs, clientCpuMs, ackMs: ackMs.subarray(0, next) });
    };
    for (const connection of connections) sendNext(connection);
  });
}
