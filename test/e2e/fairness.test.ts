/**
 * One client does its worst; another sends single events meanwhile. What counts is how many of those are answered with their
 * receipt, not how fast: all of them.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { holdLane } from "../support/held-lane.js";
import { largePayload, signBatch } from "../support/load.js";
import { RawConnection } from "../support/raw-connection.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { Subscriber } from "../support/subscriber.js";

const INGEST = "/api/v1/ves/events/ingest";
const KEYS = "/api/v1/agents/keys";
const SINGLES = 15;
const MIB = 1024 * 1024;

/** Little room in the queue, so that a test's flood fills it. */
const SMALL_QUEUE = { SEQ_OVERLOAD_MAX_INFLIGHT_SUBMISSIONS: "48", MAX_INFLIGHT_BYTES: "2000000" };

interface Tenant {
  readonly agent: TestAgent;
  /** Bound to the agent. */
  readonly key: string;
}

async function tenant(service: TestService): Promise<Tenant> {
  const agent = await service.agent();
  const { tenantId, storeId, agentId } = agent;
  return { agent, key: await service.apiKey({ tenantId, storeIds: [storeId], agentId, permissions: "read_write" }) };
}

/** Statuses of single events that are sent one after the other. */
async function singles(service: TestService, { agent, key }: Tenant): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  for (let i = 0; i < SINGLES; i++) {
    const { status, json } = await agent.ingest([agent.sign()], key);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (status === 200) expect(json.eventsAccepted).toBe(1);
  }
  expect((await service.get("/ready")).status).toBe(200);
  return statuses;
}

/** Requests without pause over so many connections, until disposed. */
class Flood implements AsyncDisposable {
  readonly statuses: Record<number, number> = {};
  readonly #loops: Promise<void>[];
  #isOver = false;

  /** `next`: path and body of a connection's next request. */
  constructor(service: TestService, key: string, connections: number, next: () => readonly [string, string]) {
    this.#loops = Array.from({ length: connections }, () => this.#loop(service, key, next));
  }

  /** Resolves once that many were answered, with `status` if it is given. */
  async answered(count: number, status?: number): Promise<void> {
    const answers = (): number => (status === undefined ? this.answers : (this.statuses[status] ?? 0));
    while (answers() < count) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  get answers(): number {
    return Object.values(this.statuses).reduce((sum, count) => sum + count, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async #loop(service: TestService, key: string, next: () => readonly [string, string]): Promise<void> {
    using connection = await RawConnection.open(service);
    while (!this.#isOver) {
      const [path, body] = next();
      connection.writeHead("POST", path, {
        authorization: `ApiKey ${key}`,
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
      });
      connection.write(body);
      const { status } = await connection.answer();
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    }
  }
}

/** The same requests in turn. */
function inTurn(path: string, bodies: readonly string[]): () => readonly [string, string] {
  let sent = 0;
  return () => [path, bodies[sent++ % bodies.length]!];
}

describe("single events are answered while another client", () => {
  let service: TestService;
  let bad: Tenant;
  let good: Tenant;

  beforeAll(async () => {
    service = await startService(SMALL_QUEUE);
    [bad, good] = [await tenant(service), await tenant(service)];
    expect(await singles(service, good)).toEqual({ 200: SINGLES });
  });

  afterAll(() => service[Symbol.asyncDispose]());

  async function expectAllAnswered(flood: Flood, refusedWith: number | null): Promise<void> {
    if (refusedWith !== null) {
      // What is admitted stays where it is until there is more than the share.
      using _held = holdLane(service);
      await flood.answered(1, refusedWith);
    }
    await flood.answered(30);
    const before = flood.answers;
    expect(await singles(service, good)).toEqual({ 200: SINGLES });
    // It went on all the time.
    expect(flood.answers).toBeGreaterThan(before);
  }

  it("floods with large batches", async () => {
    const bodies = Array.from({ length: 3 }, () => signBatch(bad.agent, 300).body);
    await using flood = new Flood(service, bad.key, 10, inTurn(INGEST, bodies));
    await expectAllAnswered(flood, 429);
  });

  it("floods with large payloads", async () => {
    const bodies = Array.from({ length: 3 }, () => signBatch(bad.agent, 1, { payload: largePayload(600_000) }).body);
    await using flood = new Flood(service, bad.key, 8, inTurn(INGEST, bodies));
    await expectAllAnswered(flood, 429);
  });

  it("floods with signatures that a known key never made", async () => {
    const forged = Array.from({ length: 30 }, () => {
      const event = bad.agent.sign();
      return { ...event, agent_signature: bad.agent.sign().agent_signature };
    });
    const body = JSON.stringify({ agentId: bad.agent.agentId, events: forged });
    await using flood = new Flood(service, bad.key, 60, inTurn(INGEST, [body]));
    await expectAllAnswered(flood, 429);
    const { json } = await service.post(INGEST, body);
    expect({ accepted: json.eventsAccepted, rejected: json.eventsRejected }).toEqual({ accepted: 0, rejected: 30 });
  });

  it("floods with single events of its own", async () => {
    const bodies = Array.from({ length: 100 }, () => signBatch(bad.agent, 1).body);
    await using flood = new Flood(service, bad.key, 80, inTurn(INGEST, bodies));
    await expectAllAnswered(flood, 429);
  });

  it("floods with registrations of its key", async () => {
    const body = JSON.stringify(bad.agent.registration());
    const held = holdLane(service);
    await using flood = new Flood(service, bad.key, 80, inTurn(KEYS, [body]));
    await flood.answered(1, 429);
    const answer = singles(service, good);
    // Few: a commit's patience ends, and a busy machine takes a while for them.
    await flood.answered(flood.answers + 50);
    held[Symbol.dispose]();
    expect(await answer).toEqual({ 200: SINGLES });
  });

  it("mints API keys without end", async () => {
    const { tenantId } = bad.agent;
    const admin = await service.apiKey({ tenantId, permissions: "admin" });
    const path = "/api/v1/admin/api-keys";
    await using flood = new Flood(service, admin, 80, inTurn(path, [JSON.stringify({ tenantId })]));
    await expectAllAnswered(flood, 429);
  });

  it("registers keys and revokes them without end", async () => {
    const { tenantId, agentId } = bad.agent;
    const key = { ...bad.agent.registration(), keyId: 2 };
    let sent = 2;
    const next = (): readonly [string, string] => {
      sent += 1;
      const keyId = sent >> 1;
      if (sent % 2 === 0) return [KEYS, JSON.stringify({ ...key, keyId })];
      return [`${KEYS}/revoke`, JSON.stringify({ tenantId, agentId, keyId })];
    };
    await using flood = new Flood(service, bad.key, 12, next);
    await expectAllAnswered(flood, null);
  });

  it("opens a thousand connections and finishes no request", async () => {
    const connections = await Promise.all(Array.from({ length: 1000 }, () => RawConnection.open(service)));
    for (const [index, connection] of connections.entries()) {
      if (index % 2 === 0) connection.write("POST /api/v1/ves/events/ingest HTTP/1.1\r\nhost: x\r\n");
      else connection.writeHead("POST", INGEST, { "content-type": "application/json", "content-length": "900000" });
    }
    expect(await singles(service, good)).toEqual({ 200: SINGLES });
    for (const connection of connections) connection[Symbol.dispose]();
  });

  it.each([
    ["with a key", "POST", INGEST, () => `ApiKey ${bad.key}`],
    ["without one, where none is asked for", "GET", "/health", () => "Basic Og=="],
  ])("uploads large bodies slowly, %s", async (_name, method, path, authorization) => {
    const uploads: RawConnection[] = [];
    const isRefused = ({ received }: RawConnection) => received.includes("OVERLOADED");
    try {
      // More than the room for all bodies, then smaller ones for what larger ones have left.
      for (const bytes of [10 * MIB, MIB, 100_000]) {
        for (let i = 0; i < 35; i++) {
          const upload = await RawConnection.open(service);
          uploads.push(upload);
          const headers = { authorization: authorization(), "content-type": "application/json" };
          upload.writeHead(method, path, { ...headers, "content-length": String(bytes) });
          upload.write(" ".repeat(Math.ceil(bytes / 3)));
          while (upload.socket.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 2));
        }
        expect(await singles(service, good)).toEqual({ 200: SINGLES });
      }
      for (let i = 0; i < 5; i++) {
        const event = good.agent.sign({ payload: largePayload(900_000) });
        const { status, json } = await good.agent.ingest([event], good.key);
        expect([status, json.code, json.eventsAccepted]).toEqual([200, undefined, 1]);
      }
      // It held its share meanwhile, and no more.
      expect(uploads.some(isRefused)).toBe(method === "POST");
      expect(uploads.filter((upload) => !isRefused(upload)).length).toBeGreaterThan(10);
    } finally {
      for (const upload of uploads) upload[Symbol.dispose]();
    }
  });

  it("holds all subscriptions and reads none", async () => {
    const silent: Subscriber[] = [];
    for (let i = 0; i < 64; i++) {
      const subscriber = await Subscriber.open(service, "from_offset=0", { key: bad.key });
      subscriber.socket.pause();
      silent.push(subscriber);
    }
    const payload = largePayload(500_000);
    for (let i = 0; i < 8; i++) await bad.agent.ingest([bad.agent.sign({ payload })], bad.key);
    await using reader = await Subscriber.open(service, "", { key: good.key });
    expect(await singles(service, good)).toEqual({ 200: SINGLES });
    await reader.until(SINGLES);
    for (const subscriber of silent) await subscriber[Symbol.asyncDispose]();
  });
});
