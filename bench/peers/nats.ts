/** NATS JetStream on files, one server: it acknowledges before it flushes, which it does on a timer of minutes. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type JetStreamClient, type NatsConnection } from "nats";
import { until } from "../deadline.js";
import { disown, own } from "../owned-processes.js";
import { type Acks, inLanes, type Peer, PeerEvents, type PeerLoad } from "./peer.js";
import { freePort } from "./postgres.js";

const START_MS_MAX = 10_000;
const PROOF_MS = 500;
const IN_FLIGHT = 64;

export async function startNats(folder: string): Promise<Peer> {
  const version = execFileSync("nats-server", ["--version"], { encoding: "utf8" }).trim().replace("nats-server: v", "");
  const proof = await countFlushes(folder);
  const [server, connection] = await startServer(join(folder, "nats"), []);
  const proven = proof === null ? "flushes not counted: no strace" : `${proof.flushes} flushes for ${proof.acks} acks`;
  const durability = `NATS JetStream ${version}, file storage: an ack comes before the flush (${proven})`;
  return new NatsPeer(server, connection, await openStream(connection), durability);
}

/** The server is linked statically, so its flushes are counted by strace: in a run of their own, because that slows it. */
async function countFlushes(folder: string): Promise<{ flushes: number; acks: number } | null> {
  const trace = join(folder, "nats-flushes");
  const strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace];
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
  } catch {
    return null;
  }
  const [server, connection] = await startServer(join(folder, "nats-proof"), strace);
  try {
    const stream = await openStream(connection);
    const flushed = (): number => (existsSync(trace) ? readFileSync(trace, "utf8").split("sync(").length - 1 : 0);
    const before = flushed();
    let acks = 0;
    const events = new PeerEvents();
    await inLanes(1, performance.now() + PROOF_MS, async () => {
      await stream.publish("events.0", events.next().envelope);
      acks++;
    });
    return { flushes: flushed() - before, acks };
  } finally {
    await connection.close();
    await end(server);
  }
}

async function startServer(dir: string, prefix: readonly string[]): Promise<[ChildProcess, NatsConnection]> {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const [command, ...args] = [...prefix, "nats-server", "-js", "-sd", dir, "-a", "127.0.0.1", "-p", String(port)];
  // A group of its own: what traces it ends with it.
  const server = spawn(command!, args, { stdio: "ignore", detached: true });
  if (server.pid !== undefined) own(-server.pid);
  let fault: Error | null = null;
  server.once("error", (error) => {
    fault = error;
  });
  let connection: NatsConnection | null = null;
  try {
    await until("starting NATS", START_MS_MAX, 50, async () => {
      if (fault !== null) throw fault;
      connection = await connect({ servers: `127.0.0.1:${port}`, timeout: 1000 }).catch(() => null);
      return connection !== null;
    });
  } catch (error) {
    await end(server);
    throw error;
  }
  return [server, connection!];
}

async function openStream(connection: NatsConnection): Promise<JetStreamClient> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: "events", subjects: ["events.*"] });
  return connection.jetstream();
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, "exit");
  process.kill(-server.pid, "SIGKILL");
  await exited;
  disown(-server.pid);
}

class NatsPeer implements Peer {
  readonly name = "nats";
  readonly loads: readonly PeerLoad[] = [
    { name: "nats.sync", run: (endMs, acks) => this.#run(1, endMs, acks) },
    { name: `nats.async${IN_FLIGHT}`, run: (endMs, acks) => this.#run(IN_FLIGHT, endMs, acks) },
  ];
  readonly #events = new PeerEvents();

  constructor(
    private readonly server: ChildProcess,
    private readonly connection: NatsConnection,
    private readonly stream: JetStreamClient,
    readonly durability: string,
  ) {}

  async flushes(): Promise<number | null> {
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
    await end(this.server);
  }

  #run(inFlight: number, endMs: number, acks: Acks): Promise<void> {
    return inLanes(inFlight, endMs, async (lane) => {
      const sentMs = performance.now();
      await this.stream.publish(`events.${lane % this.#events.streams.length}`, this.#events.next().envelope);
      acks.note(sentMs, 1);
    });
  }
}
