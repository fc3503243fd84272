/** The outbox of the client's README, as it stands there: an agent that is killed at every step, over answers that get lost. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";
import {
  type Agent,
  type EventEnvelope,
  type Fetch,
  generateSigningKey,
  type Receipt,
  type Rejection,
  SequencerClient,
  verifyEntry,
  verifyReceipt,
} from "../../src/client/index.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { runMain } from "../support/run-main.js";
import { startService, type TestService, uuid } from "../support/service.js";

const EVENTS = 7;

class Killed extends Error {}

/** What comes between two steps of the agent: it is killed when it has made so many. */
class Life {
  steps = 0;
  constructor(readonly stepsMax: number) {}

  step(): void {
    this.steps += 1;
    if (this.steps > this.stepsMax) throw new Killed();
  }
}

/** The agent's disk: it outlives every kill, and holds text. */
class Disk {
  log: string | null = null;
  readonly events: { readonly text: string; settled: "receipt" | "rejected" | null }[] = [];
}

/** Small batches, so that there are many steps between which to be killed. */
class Outbox {
  constructor(
    readonly disk: Disk,
    readonly life: Life,
  ) {}

  async expectLog(name: string): Promise<void> {
    this.life.step();
    if (this.disk.log !== name) for (const event of this.disk.events) event.settled = null;
    this.disk.log = name;
    this.life.step();
  }

  async waiting(eventsMax: number): Promise<EventEnvelope[]> {
    this.life.step();
    const waiting = this.disk.events.filter(({ settled }) => settled === null).slice(0, Math.min(eventsMax, 3));
    return waiting.map(({ text }) => JSON.parse(text) as EventEnvelope);
  }

  async settle(receipts: readonly Receipt[], rejections: readonly Rejection[]): Promise<void> {
    this.life.step();
    const received = new Set(receipts.map(({ eventId }) => eventId));
    const rejected = new Set(rejections.map(({ eventId }) => eventId));
    for (const event of this.disk.events) {
      const id = (JSON.parse(event.text) as EventEnvelope).event_id;
      if (received.has(id)) event.settled = "receipt";
      else if (rejected.has(id)) event.settled = "rejected";
    }
    this.life.step();
  }
}

type Flush = (outbox: Outbox) => Promise<void>;

let service: TestService;
let flushOf: (client: SequencerClient, agent: Agent) => Flush;

beforeAll(async () => {
  service = await startService({ VERIFY_THREADS: "1" });
  const text = readFileSync(join(packageRoot, "src", "client", "README.md"), "utf8");
  const [block] = /(?<=```ts\n)async function flush.*?(?=\n```)/s.exec(text)!;
  const { code } = await transform(block, { loader: "ts" });
  const make = new Function("client", "agent", "verifyReceipt", `${code}; return flush;`);
  flushOf = (client, agent) => make(client, agent, verifyReceipt) as Flush;
});
afterAll(() => service?.[Symbol.asyncDispose]());

const identity = () => ({ tenantId: uuid(), storeId: uuid(), agentId: uuid(), seed: generateSigningKey().seed });

const clientOf = (fetch: Fetch = globalThis.fetch): SequencerClient =>
  new SequencerClient({
    url: service.url,
    apiKey: service.adminKey,
    ed25519: selectEd25519(),
    fetch,
    retry: { attemptsMax: 1 },
  });

/** Requests go to the service; before and after each the agent may be killed, and then nobody hears the answer. */
const mortalFetch =
  (life: Life): Fetch =>
  async (url, init) => {
    life.step();
    const answer = await fetch(url, init);
    life.step();
    return answer;
  };

function orderEvent(of: Agent, number: number): EventEnvelope {
  const payload = { number };
  return of.sign({ entityType: "order", entityId: "1", eventType: "order.changed", payload, baseVersion: number });
}

function fill(disk: Disk, of: Agent, count: number): void {
  for (let at = 0; at < count; at++) {
    disk.events.push({ text: JSON.stringify(orderEvent(of, disk.events.length)), settled: null });
  }
}

/** What of the disk's events the stream holds: all, once, in their order, each with a receipt that verifies. */
async function expectAllInOrder(disk: Disk, stream: { tenantId: string; storeId: string }): Promise<void> {
  const client = clientOf();
  const { entries } = await client.events({ tenantId: stream.tenantId, storeId: stream.storeId, limit: 1000 });
  const sequencer = await client.sequencer();
  expect(entries.map(({ event }) => event.event_id)).toEqual(
    disk.events.map(({ text }) => (JSON.parse(text) as EventEnvelope).event_id),
  );
  expect(entries.every((entry) => verifyEntry(entry, sequencer))).toBe(true);
  expect(disk.events.map(({ settled }) => settled)).toEqual(disk.events.map(() => "receipt"));
}

test("killed after every number of steps, and started again, it sends each event once and in order", async () => {
  for (let stepsMax = 1; ; stepsMax++) {
    const keys = identity();
    const disk = new Disk();
    const first = clientOf().agent({ ...keys, keyId: 1 });
    await first.registerKey();
    fill(disk, first, EVENTS);
    const life = new Life(stepsMax);
    const client = clientOf(mortalFetch(life));
    // What kills it within a request reaches it as no answer, and changes nothing more: its steps are used up.
    const ended = await flushOf(
      client,
      client.agent({ ...keys, keyId: 1 }),
    )(new Outbox(disk, life)).then(
      () => true,
      () => false,
    );
    const again = clientOf();
    await flushOf(again, again.agent({ ...keys, keyId: 1 }))(new Outbox(disk, new Life(Number.POSITIVE_INFINITY)));
    await expectAllInOrder(disk, keys);
    if (ended) break;
  }
});

test("after a restore everything is sent again: what the backup had keeps its receipts, what it had not is there anew", async () => {
  const keys = identity();
  const disk = new Disk();
  const flush = () => flushOf(client, agent)(new Outbox(disk, new Life(Number.POSITIVE_INFINITY)));
  const client = clientOf();
  const agent = client.agent({ ...keys, keyId: 1 });
  await agent.registerKey();
  fill(disk, agent, EVENTS);
  await flush();
  const before = await client.events({ ...keys, limit: 1000 });
  const backup = join(service.folder, "backup.db");
  expect(await runMain(["backup", backup, "--data-dir", service.folder])).toMatchObject({ code: 0 });
  fill(disk, agent, EVENTS);
  await flush();
  await service.process.stop();
  expect(await runMain(["restore", backup, "--data-dir", service.folder, "--force"])).toMatchObject({ code: 0 });
  await service.startAgain();
  expect((await client.events({ ...keys, limit: 1000 })).headSequence).toBe(EVENTS);
  fill(disk, agent, 1);
  await flush();
  await expectAllInOrder(disk, keys);
  expect((await client.events({ ...keys, limit: EVENTS })).entries.map(({ receipt }) => receipt)).toEqual(
    before.entries.map(({ receipt }) => receipt),
  );
});

test("a key revoked meanwhile: its events are set aside, and signed with the next under their own ids are there once", async () => {
  const keys = identity();
  const disk = new Disk();
  const client = clientOf();
  const old = client.agent({ ...keys, keyId: 1 });
  await old.registerKey();
  fill(disk, old, EVENTS);
  // Four of them arrive, and the agent never hears of it.
  await old.submit(disk.events.slice(0, 4).map(({ text }) => JSON.parse(text) as EventEnvelope));
  const agent = client.agent({ ...keys, keyId: 2, seed: generateSigningKey().seed });
  await agent.registerKey();
  await client.revokeAgentKey({ tenantId: keys.tenantId, agentId: keys.agentId, keyId: 1 });
  const flush = () => flushOf(client, agent)(new Outbox(disk, new Life(Number.POSITIVE_INFINITY)));
  await flush();
  expect(disk.events.map(({ settled }) => settled)).toEqual([
    ...Array.from({ length: 4 }, () => "receipt"),
    ...Array.from({ length: 3 }, () => "rejected"),
  ]);
  for (const [index, { text, settled }] of disk.events.entries()) {
    if (settled === "receipt") continue;
    const event = JSON.parse(text) as EventEnvelope;
    const mended = agent.sign({
      eventId: event.event_id,
      entityType: event.entity_type,
      entityId: event.entity_id,
      eventType: event.event_type,
      payload: event.payload!,
      createdAt: event.created_at,
      baseVersion: event.base_version!,
    });
    disk.events[index] = { text: JSON.stringify(mended), settled: null };
  }
  await flush();
  await expectAllInOrder(disk, keys);
});
