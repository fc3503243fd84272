import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentsOnFourStreams, largePayload, seededRandom, sendBatch, signBatch, signBatches } from "../support/load.js";
import { checkOrder, checkSame } from "../support/log-check.js";
import { RawConnection } from "../support/raw-connection.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import {
  entryTexts,
  type LogFrame,
  parseFrame,
  readLog,
  refusedSubscription,
  Subscriber,
} from "../support/subscriber.js";

const MIB = 1024 * 1024;

describe("filters and forms", () => {
  let service: TestService;
  let agents: TestAgent[];
  let log: Buffer[];
  beforeAll(async () => {
    // Small pages, a tail that holds the later part only: every answer is made of several pages from both places.
    service = await startService({ SEQ_BROADCASTER_PAGE_SIZE: "7", TAIL_BYTES_MAX: "20000" });
    agents = await agentsOnFourStreams(service, 4);
    for (let i = 0; i < 10; i++) {
      for (const agent of agents) {
        const fields = { entityType: i % 2 === 0 ? "order" : "stock", entityId: `n-${i % 3}` };
        await agent.ingest([agent.sign(fields), agent.sign({ ...fields, entityId: "größe/1 \u{1f4e6}" })]);
      }
    }
    log = await readLog(service);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("sends one text frame per entry, the very bytes of the HTTP log", async () => {
    for (const path of ["/subscribe", "/ws/subscribe"]) {
      await using subscriber = await Subscriber.open(service, "from_offset=0", { path });
      await subscriber.until(log.length);
      checkSame(subscriber.frames, log);
      expect(subscriber.binaryFrames).toBe(0);
    }
    checkOrder(log);
  });

  it("pages over HTTP are the same bytes, whatever the limit", async () => {
    for (const limit of [1, 3, 1000, 99999]) {
      const texts: string[] = [];
      for (let next = 0; next < log.length; ) {
        const answer = await service.get(`/api/v1/log?from_offset=${next}&limit=${limit}`);
        expect(answer.json.entries.length).toBe(answer.json.count);
        expect(answer.json.next_offset).toBe(next + answer.json.count);
        texts.push(...entryTexts(answer.text));
        next = answer.json.next_offset;
      }
      checkSame(
        texts.map((text) => Buffer.from(text)),
        log,
      );
    }
  });

  it("batch=1 sends the same entries as arrays", async () => {
    await using subscriber = await Subscriber.open(service, "from_offset=5&batch=1");
    const wanted = log.slice(5).map((frame) => frame.toString());
    const inner = (): string => subscriber.frames.map((frame) => frame.toString().slice(1, -1)).join(",");
    while (inner().length < wanted.join(",").length) await subscriber.until(subscriber.frames.length + 1);
    expect(inner()).toBe(wanted.join(","));
    for (const frame of subscriber.frames) {
      const entries = JSON.parse(frame.toString()) as unknown[];
      expect(entries.length).toBeGreaterThan(0);
      expect(entries.length).toBeLessThanOrEqual(7);
    }
  });

  it("filters alike on the socket and over HTTP, and goes on live", async () => {
    const [first, second] = agents as [TestAgent, TestAgent];
    const tenant = `tenant_id=${first.tenantId}`;
    const entityId = encodeURIComponent("größe/1 \u{1f4e6}");
    const cases: readonly (readonly [query: string, wanted: (entry: LogFrame) => boolean])[] = [
      ["kind=ves_event", () => true],
      [tenant, (entry) => entry.tenant_id === first.tenantId],
      [`store_id=${second.storeId}`, (entry) => entry.store_id === second.storeId],
      [`${tenant}&store_id=${first.storeId}`, (entry) => entry.store_id === first.storeId],
      ["entity_type=stock", (entry) => entry.event.entity_type === "stock"],
      [`entity_id=${entityId}`, (entry) => entry.event.entity_id === "größe/1 \u{1f4e6}"],
      [
        `${tenant}&entity_type=order&entity_id=n-1&kind=ves_event`,
        (entry) =>
          entry.tenant_id === first.tenantId && entry.event.entity_type === "order" && entry.event.entity_id === "n-1",
      ],
      ["entity_type=none", () => false],
    ];
    const open = await Promise.all(cases.map(([query]) => Subscriber.open(service, query)));
    const live = await first.ingest([
      first.sign({ entityType: "stock", entityId: "n-1" }),
      first.sign({ entityId: "n-1" }),
    ]);
    expect(live.json.eventsAccepted).toBe(2);
    const all = await readLog(service);
    for (const [index, [query, wanted]] of cases.entries()) {
      const expected = all.filter((frame) => wanted(parseFrame(frame)));
      await open[index]!.until(expected.length);
      checkSame(open[index]!.frames, expected, query);
      checkSame(await readLog(service, query), expected, query);
    }
    for (const subscriber of open) await subscriber[Symbol.asyncDispose]();
    log = all;
  });

  it.each(["kind=nothing", "tenant_id=x", "store_id=", "entity_type=a&entity_type=b", "batch=2", "batch=1&batch=1"])(
    "refuses %s before the upgrade",
    async (query) => {
      const refused = await refusedSubscription(service, query);
      expect({ status: refused.status, code: refused.json.code }).toEqual({ status: 400, code: "INVALID_FIELD_VALUE" });
    },
  );
});

describe("the seam between memory and store", () => {
  const cases = [
    { tail: "0", page: "1" },
    { tail: "2000", page: "1" },
    { tail: "2000", page: "2" },
    { tail: "2000", page: "7" },
    { tail: "1000000", page: "2" },
  ];
  it.each(cases)("tail of $tail bytes, pages of $page: joins at any offset lose nothing", async ({ tail, page }) => {
    await using service = await startService({
      TAIL_BYTES_MAX: tail,
      SEQ_BROADCASTER_PAGE_SIZE: page,
      SEQ_WS_MAX_SUBSCRIBERS: "1000",
    });
    const random = seededRandom(TEST_SEED);
    const agents = await agentsOnFourStreams(service, 4);
    const work = agents.map((agent) => signBatches(agent, 60, () => 1 + Math.floor(random() * 8)));
    const joined: { from: number; subscriber: Subscriber }[] = [];
    const writers = work.map(async (batches) => {
      for (const batch of batches) {
        expect((await sendBatch(service, batch)).status).toBe(200);
        const head = (await service.get("/api/v1/head")).json.next_offset as number;
        const from = random() < 0.5 ? Math.max(0, head - Math.floor(random() * 6)) : Math.floor(random() * (head + 1));
        joined.push({ from, subscriber: await Subscriber.open(service, `from_offset=${from}`) });
      }
    });
    const [chased] = await Promise.all([chaseLog(service, 240), ...writers]);
    const log = await readLog(service);
    expect(log.length).toBe(240);
    checkSame(chased, log);
    for (const { from, subscriber } of joined) {
      await subscriber.until(log.length - from);
      checkSame(subscriber.frames, log.slice(from), `from ${from}`);
      subscriber.socket.terminate();
    }
  });
});

/** Reads the end of the log over and over while it grows: the next cursor is always one the service accepts. */
async function chaseLog(service: TestService, count: number): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  while (frames.length < count) {
    const answer = await service.get(`/api/v1/log?from_offset=${frames.length}&limit=1000`);
    expect(answer.status, answer.text).toBe(200);
    frames.push(...entryTexts(answer.text).map((text) => Buffer.from(text)));
    expect(answer.json.next_offset).toBe(frames.length);
    expect(answer.json.head_offset).toBeGreaterThanOrEqual(answer.json.next_offset);
  }
  return frames;
}

describe("subscribers of all kinds", () => {
  it("some that do not read cost no memory and delay nobody, and get everything once they read", async () => {
    await using service = await startService({ TAIL_BYTES_MAX: String(MIB) });
    const agent = await service.agent();
    const write = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++)
        await sendBatch(service, signBatch(agent, 1, { payload: largePayload(MIB - 100) }));
    };
    await write(10);
    const stalled = await Promise.all(Array.from({ length: 16 }, () => Subscriber.open(service, "from_offset=10")));
    for (const { socket } of stalled) socket.pause();
    await using reader = await Subscriber.open(service, "from_offset=10");
    const before = residentBytes(service);
    await write(20);
    await reader.until(20);
    const grown = residentBytes(service) - before;
    // Queued for the stalled ones it would be 320 MiB; ingest alone leaves some 100 MiB to the next collections.
    expect(grown).toBeLessThan(200 * MIB);
    for (const subscriber of stalled.splice(0, 3)) {
      subscriber.socket.resume();
      await subscriber.until(20);
      checkSame(subscriber.frames, reader.frames);
      await subscriber[Symbol.asyncDispose]();
    }
    for (const subscriber of stalled) await subscriber[Symbol.asyncDispose]();
    expect(reader.entries.map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, index) => 10 + index));
  });

  it("one that vanishes in the middle of a frame is forgotten", async () => {
    await using service = await startService();
    const agent = await service.agent();
    await sendBatch(service, signBatch(agent, 1, { payload: largePayload(MIB - 100) }));
    const raw = await RawConnection.open(service);
    expect((await raw.upgrade("/subscribe?from_offset=0")).status).toBe(101);
    await raw.bytes(1000);
    raw.socket.resetAndDestroy();
    await subscribersToBe(service, 0);
    await using next = await Subscriber.open(service);
    await next.until(1);
    checkSame(next.frames, await readLog(service));
  });

  it("above the limit get 429 before the upgrade, with Retry-After; a place that becomes free is given again", async () => {
    await using service = await startService({ SEQ_WS_MAX_SUBSCRIBERS: "2" });
    const first = await Subscriber.open(service);
    await using _second = await Subscriber.open(service, "", { path: "/ws/subscribe" });
    for (const path of ["/subscribe", "/ws/subscribe"]) {
      const refused = await refusedSubscription(service, "from_offset=abc", { path });
      expect({ status: refused.status, code: refused.json.code }).toEqual({
        status: 429,
        code: "TOO_MANY_SUBSCRIBERS",
      });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    const many = await Promise.all(Array.from({ length: 20 }, () => refusedSubscription(service, "")));
    expect(many.every(({ status }) => status === 429)).toBe(true);
    await first[Symbol.asyncDispose]();
    await subscribersToBe(service, 1);
    await using _third = await Subscriber.open(service);
  });

  it("tenants share the places: who has most gives one up for who has two fewer, and gets none back", async () => {
    await using service = await startService({ SEQ_WS_MAX_SUBSCRIBERS: "4" });
    const tenantKey = async (): Promise<string> => {
      const { tenantId, storeId } = await service.agent();
      return service.apiKey({ tenantId, storeIds: [storeId], agentId: null, permissions: "read" });
    };
    const [first, second, third] = [await tenantKey(), await tenantKey(), await tenantKey()];
    const open = (key: string): Promise<Subscriber> => Subscriber.open(service, "", { key });
    const isRefused = async (key: string): Promise<boolean> =>
      (await refusedSubscription(service, "", { key })).json.code === "TOO_MANY_SUBSCRIBERS";
    const displaced = { code: 1013, reason: "TOO_MANY_SUBSCRIBERS" };

    const ofFirst = [await open(first), await open(first), await open(first), await open(first)];
    expect(await isRefused(first)).toBe(true);
    await using _a = await open(second);
    expect(await ofFirst[3]!.closed).toEqual(displaced);
    await using _b = await open(second);
    expect(await ofFirst[2]!.closed).toEqual(displaced);
    expect([await isRefused(first), await isRefused(second)]).toEqual([true, true]);
    await using _c = await open(third);
    expect(await ofFirst[1]!.closed).toEqual(displaced);
    expect([await isRefused(first), await isRefused(second), await isRefused(third)]).toEqual([true, true, true]);
    await subscribersToBe(service, 4);
    for (const subscriber of ofFirst) await subscriber[Symbol.asyncDispose]();
  });

  it("a dead one is closed; one that reads slowly, and one that is idle but answers pings, are not", async () => {
    await using service = await startService({ WS_PING_INTERVAL_SECS: "8", TAIL_BYTES_MAX: "0" });
    const agent = await service.agent();
    const head = 40;
    for (let i = 0; i < head; i++) {
      await sendBatch(service, signBatch(agent, 50, { payload: largePayload(20_000) }));
    }
    const count = head * 50;
    await using idle = await Subscriber.open(service, `from_offset=${count}`);
    await using slow = await Subscriber.open(service, "from_offset=0");
    slow.socket.on("message", () => {
      slow.socket.pause();
      setTimeout(() => slow.socket.resume(), isHurried ? 0 : 400);
    });
    let isHurried = false;
    using dead = await RawConnection.open(service);
    expect((await dead.upgrade(`/subscribe?from_offset=${count}`)).status).toBe(101);
    await dead.closed();
    // The others were there before it: whatever ends a silent one after that time would have ended them first.
    expect(slow.frames.length).toBeLessThan(count);
    isHurried = true;
    await slow.until(count);
    checkOrder(slow.frames);
    await agent.ingest([agent.sign()]);
    await idle.until(1);
    await subscribersToBe(service, 2);
  });
});

async function subscribersToBe(service: TestService, count: number): Promise<void> {
  for (;;) {
    const { text } = await service.get("/metrics");
    if (text.includes(`\nsequencer_subscribers ${count}\n`)) return;
  }
}

function residentBytes(service: TestService): number {
  const status = readFileSync(`/proc/${service.process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
