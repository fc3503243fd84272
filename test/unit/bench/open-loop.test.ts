/** The client that latencies come from, against servers whose behaviour is known. Counts and lower bounds only. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { runOpenLoop } from "../../../bench/load/open-loop.js";

const REQUEST = Buffer.from("POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}");

/** No randomness: one arrival per mean interval, exp(-1) of it being left out of nothing. */
const evenly = (): number => 1 - Math.exp(-1);

async function withServer<T>(
  answer: (reply: ServerResponse, request: number) => void,
  run: (port: number, server: Server) => Promise<T>,
): Promise<T> {
  let requests = 0;
  const server = createServer((request, reply) => {
    const number = requests++;
    request.resume().on("end", () => answer(reply, number));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await run((server.address() as AddressInfo).port, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const accept = (reply: ServerResponse): void => {
  const body = JSON.stringify({ batchId: "b", eventsAccepted: 1 });
  reply.writeHead(200, { "content-length": body.length }).end(body);
};

const refuse = (reply: ServerResponse, headers: Record<string, string>): void => {
  reply.writeHead(429, { ...headers, "content-length": 2 }).end("{}");
};

const drive = (port: number, count: number, perSecond: number, connections: number) =>
  runOpenLoop({
    ...{ port, perSecond, connections, msMax: 10_000, random: evenly },
    requests: Array.from({ length: count }, () => REQUEST),
  });

describe("an open loop", () => {
  it("sends every request once and counts what was accepted", async () => {
    const result = await withServer(accept, (port) => drive(port, 50, 1000, 4));
    expect(result).toMatchObject({ requestsSent: 50, accepted: 50, eventsAccepted: 50, faults: 0 });
    expect(result.ackMs).toHaveLength(50);
    expect(result.refusalMs).toHaveLength(0);
  });

  it("counts a service's pause in the latency of everything that was due meanwhile", async () => {
    const pauseMs = 300;
    const paused = (reply: ServerResponse, request: number): void => {
      if (request === 0) setTimeout(() => accept(reply), pauseMs);
      else accept(reply);
    };
    // One connection: while the first request waits, the others cannot even be sent. They were due a millisecond apart.
    const { ackMs } = await withServer(paused, (port) => drive(port, 100, 1000, 1));
    const late = ackMs.filter((ms) => ms >= pauseMs - 100 - 5).length;
    expect(late).toBe(100);
  });

  it("tells refusals from acks, misses a Retry-After, and takes other answers for faults", async () => {
    const result = await withServer(
      (reply, request) => {
        if (request % 4 === 0) accept(reply);
        else if (request % 4 === 1) refuse(reply, { "retry-after": "1" });
        else if (request % 4 === 2) refuse(reply, {});
        else reply.writeHead(500, { "content-length": 0 }).end();
      },
      (port) => drive(port, 40, 2000, 1),
    );
    expect(result).toMatchObject({ accepted: 10, refusalsWithoutRetryAfter: 10, faults: 10 });
    expect(result.refusalMs).toHaveLength(20);
  });

  it("sends again what was on a connection that closed, and opens it anew", async () => {
    const result = await withServer(
      (reply, request) => {
        if (request % 10 === 3) reply.socket!.destroy();
        else accept(reply);
      },
      (port) => drive(port, 40, 1000, 2),
    );
    expect(result).toMatchObject({ requestsSent: 40, accepted: 40 });
  });

  it("gives up on a service that closes every connection", async () => {
    const closed = withServer(
      (reply) => void reply.socket!.destroy(),
      (port) => drive(port, 200, 2000, 2),
    );
    await expect(closed).rejects.toThrow("closed a connection");
  });
});
