/**
 * A tenant has more expensive reads waiting than the one reader thread can answer. What counts is how many of those are
 * answered before another tenant has its own answer, not how long that takes.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { largePayload } from "../support/load.js";
import { RawConnection } from "../support/raw-connection.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { Subscriber } from "../support/subscriber.js";

const WAITING = 96;
/** A turn or two, and what is answered while a request and its answer are on their way. */
const OVERTAKEN_MAX = WAITING / 3;
const EVENTS = 4_000;
const BATCH = 500;

let service: TestService;
let bad: TestAgent;
let good: TestAgent;
let badKey: string;
let goodKey: string;
let eventId: string;

beforeAll(async () => {
  // What is replayed is not in memory.
  service = await startService({ TAIL_BYTES_MAX: "0", READ_THREADS: "1" });
  [bad, good] = [await service.agent(), await service.agent()];
  const event = good.sign();
  eventId = event.event_id;
  expect((await good.ingest([event])).status).toBe(200);
  const payload = largePayload(1000);
  for (let i = 0; i < EVENTS; i += BATCH) {
    await bad.ingest(Array.from({ length: BATCH }, () => bad.sign({ payload, entityId: "one" })));
  }
  badKey = await service.apiKey({ tenantId: bad.tenantId });
  goodKey = await service.apiKey({ tenantId: good.tenantId });
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

/** So many connections with a request each all the time, until disposed. */
class Flood implements AsyncDisposable {
  answers = 0;
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(paths: readonly string[]) {
    this.#loops = Array.from({ length: WAITING }, (_, index) => this.#loop(paths[index % paths.length]!));
  }

  async answered(count: number): Promise<void> {
    while (this.answers < count) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async #loop(path: string): Promise<void> {
    using connection = await RawConnection.open(service);
    while (!this.#isOver) {
      const { status } = await connection.get(path, { authorization: `ApiKey ${badKey}` });
      expect(status).toBe(200);
      this.answers += 1;
    }
  }
}

const streamOf = ({ tenantId, storeId }: TestAgent): string => `tenant_id=${tenantId}&store_id=${storeId}`;

it.each([
  ["pages of a stream", () => [`/api/v1/ves/events?${streamOf(bad)}&limit=1000&entity_type=nothing`]],
  ["pages of the log", () => ["/api/v1/log?entity_type=nothing&limit=1000", "/api/v1/log?limit=1000"]],
])(
  "while a tenant asks for %s without end, others wait for a turn and not for its backlog",
  async (_, paths) => {
    const { tenantId, storeId } = good;
    // Known to nobody yet: their keys are looked up.
    const [newcomer, newKey] = [await service.agent({ tenantId, storeId }), await service.apiKey({ tenantId })];
    await using flood = new Flood(paths());
    await flood.answered(WAITING / 2);
    const overtaken: Record<string, number> = {};
    const expectSoon = async (name: string, ask: () => Promise<unknown>): Promise<void> => {
      const before = flood.answers;
      await ask();
      overtaken[name] = flood.answers - before;
    };
    const get = async (path: string, key = goodKey): Promise<void> => {
      expect((await service.get(path, key)).status).toBe(200);
    };
    await expectSoon("event", () => get(`/api/v1/ves/events/${eventId}`));
    await expectSoon("page", () => get(`/api/v1/ves/events?${streamOf(good)}`));
    await expectSoon("commitments", () => get(`/api/v1/ves/commitments?${streamOf(good)}&status=all`));
    await expectSoon("key", () => get("/api/v1/head", newKey));
    await expectSoon("probe", () => get("/ready"));
    await expectSoon("ingest", async () =>
      expect((await newcomer.ingest([newcomer.sign()], goodKey)).status).toBe(200),
    );
    await expectSoon("replay", async () => {
      const query = `from_offset=0&tenant_id=${tenantId}`;
      await using subscriber = await Subscriber.open(service, query, { key: goodKey });
      await subscriber.until(1);
    });
    for (const [name, count] of Object.entries(overtaken)) expect(count, name).toBeLessThanOrEqual(OVERTAKEN_MAX);
    // It went on all the time.
    const before = flood.answers;
    await flood.answered(before + 1);
  },
  240_000,
);
