/** Redis Streams with `appendfsync always`: XADD of the event under one key per stream. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { until, withDeadline } from "../deadline.js";
import { disown, own } from "../owned-processes.js";
import { type FlushCounter, makeFlushCounter } from "./flush-counter.js";
import { inLanes, type Peer, PeerEvents, type PeerLoad } from "./peer.js";
import { freePort } from "./postgres.js";

const START_MS_MAX = 10_000;
const PIPELINED = 64;

export async function startRedis(folder: string): Promise<Peer> {
  const dir = join(folder, "redis");
  mkdirSync(dir, { recursive: true });
  const counter = makeFlushCounter(folder, "redis");
  const port = await freePort();
  const options = {
    ...{ port, bind: "127.0.0.1", dir, appendonly: "yes", appendfsync: "always", save: "" },
    // It would rewrite its file in the middle of somebody else's round.
    "auto-aof-rewrite-percentage": 0,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn("redis-server", flags, { stdio: "ignore", env: { ...process.env, ...counter?.env } });
  if (server.pid !== undefined) own(server.pid);
  let fault: Error | null = null;
  server.once("error", (error) => {
    fault = error;
  });
  // Not before it is needed: from then on this process reads JSON at half the speed.
  const { Redis } = await import("ioredis");
  const client = new Redis({ host: "127.0.0.1", port, lazyConnect: true, retryStrategy: () => 20 });
  client.on("error", () => {});
  try {
    await until("starting Redis", START_MS_MAX, 20, async () => {
      if (fault !== null) throw fault;
      return (await withDeadline(client.ping(), START_MS_MAX, "ping")) === "PONG";
    });
  } catch (error) {
    client.disconnect();
    server.kill("SIGKILL");
    throw error;
  }
  const version = /redis_version:(\S+)/.exec(await client.info("server"))?.[1] ?? "unknown";
  const [, policy] = (await client.config("GET", "appendfsync")) as [string, string];
  const durability = `Redis ${version}, appendfsync ${policy}: an ack follows the flush`;
  return new RedisPeer(server, client, counter, durability);
}

class RedisPeer implements Peer {
  readonly name = "redis";
  readonly loads: readonly PeerLoad[] = [
    this.#load("redis.sync", 1),
    this.#load(`redis.pipelined${PIPELINED}`, PIPELINED),
  ];

  constructor(
    private readonly server: ChildProcess,
    private readonly client: Redis,
    private readonly counter: FlushCounter | null,
    readonly durability: string,
    private readonly events = new PeerEvents(),
  ) {}

  async flushes(): Promise<number | null> {
    return this.counter?.count() ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.disconnect();
    const exited = this.server.exitCode === null ? once(this.server, "exit") : null;
    this.server.kill("SIGKILL");
    await exited;
    disown(this.server.pid!);
  }

  /** One connection, so many unanswered commands: the next is sent when one is answered. */
  #load(name: string, inFlight: number): PeerLoad {
    return {
      name,
      run: (endMs, acks) =>
        inLanes(inFlight, endMs, async (lane) => {
          const { id, envelope } = this.events.next();
          const { tenantId } = this.events.streams[lane % this.events.streams.length]!;
          const sentMs = performance.now();
          await this.client.xadd(`events:${tenantId}`, "*", "id", id, "envelope", envelope);
          acks.note(sentMs, 1);
        }),
    };
  }
}
