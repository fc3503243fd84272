import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { WebSocketConstructor } from "../../../src/client/entry-socket.js";
import { TEST_SEED } from "../../support/seed.js";
import { type Bench, benchOf, entries, entry, HandSocket, LOG, PausableSocket, page, settle } from "./support.js";

async function live(...rest: Parameters<typeof benchOf>): Promise<Bench & { first: Promise<unknown> }> {
  const bench = benchOf(...rest);
  const first = bench.subscription.next();
  await settle();
  await bench.http.last.answer(page(0, 1));
  await HandSocket.last.open();
  return { ...bench, first };
}

async function offsets(bench: Bench, count: number): Promise<number[]> {
  const taken: number[] = [];
  while (taken.length < count) taken.push((await bench.subscription.next()).value!.offset);
  return taken;
}

describe("frames", () => {
  test("of one entry or many, as text or bytes, reach the consumer in order", async () => {
    const bench = await live();
    await HandSocket.last.send(entry(1));
    await HandSocket.last.send(entries(2, 4));
    await HandSocket.last.send(new TextEncoder().encode(JSON.stringify([entry(4)])).buffer);
    expect(HandSocket.last.binaryType).toBe("arraybuffer");
    expect(await offsets(bench, 4)).toEqual([1, 2, 3, 4]);
    expect(bench.subscription.position).toEqual({ nextOffset: 5, log: { logId: LOG.log_id, epoch: 1 } });
  });

  test.each([
    ["an entry again", [entry(1), entry(1)]],
    ["an older entry", [entry(1), entry(0)]],
    ["no JSON", "{"],
    ["no entry", { kind: "ves_event", offset: -1 }],
    ["an entry without receipt", { kind: "ves_event", offset: 1, sequence_number: 1, event: {} }],
  ])("%s: the socket is dropped, and what it brought after is ignored", async (_, frame) => {
    const bench = await live();
    const socket = HandSocket.last;
    await socket.send(frame);
    expect([bench.subscription.state, socket.isClosed]).toEqual(["catching_up", true]);
    await socket.send(entry(1));
    await socket.lose();
    const from = Number(bench.http.last.url.searchParams.get("from_offset"));
    await bench.http.last.answer(page(from, 3));
    expect(await offsets(bench, 2)).toEqual([1, 2]);
  });

  test("a gap that the log does not have is counted, and nothing of it lost", async () => {
    const bench = await live();
    await HandSocket.last.send([entry(1), entry(4)]);
    await bench.http.last.answer(page(2, 5));
    expect(await offsets(bench, 4)).toEqual([1, 2, 3, 4]);
    expect(bench.subscription.counts).toEqual({ reconnects: 0, gaps: 1 });
  });

  test("a gap that the log shows too is the credential's view: it is not asked about again", async () => {
    const bench = await live();
    await HandSocket.last.send(entry(4));
    await bench.http.last.answer({ ...LOG, entries: [entry(4)], next_offset: 5, head_offset: 5 });
    await HandSocket.last.open();
    await HandSocket.last.send(entry(9));
    expect(await offsets(bench, 2)).toEqual([4, 9]);
    expect(bench.subscription.counts).toEqual({ reconnects: 1, gaps: 0 });
  });
});

describe("pages", () => {
  test.each([
    ["goes back", { ...LOG, entries: [entry(1)], next_offset: 9, head_offset: 9 }],
    ["repeats", { ...LOG, entries: [entry(5), entry(5)], next_offset: 9, head_offset: 9 }],
    ["ends before its entries", { ...LOG, entries: [entry(5)], next_offset: 5, head_offset: 9 }],
    ["ends behind the log", { ...LOG, entries: [], next_offset: 9, head_offset: 8 }],
    ["has no log", { entries: [], next_offset: 9, head_offset: 9 }],
  ])("one that %s ends the subscription: this is not the service", async (_, body) => {
    const bench = benchOf({ fromOffset: 5 });
    const refused = expect(bench.subscription.next()).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    await settle();
    await bench.http.last.answer(body);
    await refused;
    expect(bench.subscription.state).toBe("failed");
  });

  test("a refusal comes after the entries before it, and the end after the refusal", async () => {
    const bench = await live();
    await HandSocket.last.send(entries(1, 3));
    await HandSocket.last.lose();
    await bench.clock.advance(50);
    await bench.http.last.answer({ code: "INVALID_API_KEY" }, 401);
    expect(await offsets(bench, 2)).toEqual([1, 2]);
    await expect(bench.subscription.next()).rejects.toMatchObject({ code: "INVALID_API_KEY" });
  });
});

describe("large entries", () => {
  const MIB = 1024 * 1024;
  const large = (offset: number) => ({ ...entry(offset), event: { payload: "x".repeat(6 * MIB) } });

  test("hold a socket back long before they are many, and let it go on when half of them are taken", async () => {
    const bench = await live({}, { WebSocket: PausableSocket });
    const socket = HandSocket.last as PausableSocket;
    await socket.send([large(1), large(2)]);
    expect([bench.subscription.state, bench.subscription.buffered]).toEqual(["live", 2]);
    await socket.send(large(3));
    expect([bench.subscription.state, socket.calls]).toEqual(["paused", ["pause"]]);
    // What was already read when it was held back.
    await socket.send(large(4));
    expect(await offsets(bench, 2)).toEqual([1, 2]);
    expect(bench.subscription.state).toBe("paused");
    expect(await offsets(bench, 1)).toEqual([3]);
    expect([bench.subscription.state, socket.calls]).toEqual(["live", ["pause", "resume"]]);
    expect(await offsets(bench, 1)).toEqual([4]);
  });

  test("hold pages back too", async () => {
    const bench = benchOf();
    const first = bench.subscription.next();
    await settle();
    const body = (from: number, end: number) => ({
      ...{ ...LOG, next_offset: end, head_offset: 9 },
      entries: Array.from({ length: end - from }, (_, index) => large(from + index)),
    });
    await bench.http.last.answer(body(0, 4));
    await first;
    expect([bench.subscription.state, bench.subscription.buffered]).toEqual(["draining", 3]);
    expect(await offsets(bench, 2)).toEqual([1, 2]);
    expect(bench.http.last.url.searchParams.get("from_offset")).toBe("4");
    await bench.http.last.answer(body(4, 5));
    expect(await offsets(bench, 2)).toEqual([3, 4]);
  });
});

describe("silence", () => {
  test("a check moves a filtered cursor past what does not match", async () => {
    const bench = await live({ entityType: "order", quietMs: 1000 });
    await bench.clock.advance(1000);
    expect(bench.http.last.url.searchParams.get("entity_type")).toBe("order");
    await bench.http.last.answer({ ...LOG, entries: [], next_offset: 500, head_offset: 500 });
    await HandSocket.last.lose();
    await bench.clock.advance(50);
    expect(bench.http.last.url.searchParams.get("from_offset")).toBe("500");
  });

  test("a frame during the check makes its page one of the past", async () => {
    const bench = await live({ quietMs: 1000 });
    await bench.clock.advance(1000);
    await HandSocket.last.send(entry(1));
    await bench.http.last.answer(page(1, 2));
    expect(bench.subscription.state).toBe("live");
    await HandSocket.last.send(entry(2));
    expect(await offsets(bench, 2)).toEqual([1, 2]);
  });

  test("frames put the check off", async () => {
    const bench = await live({ quietMs: 1000 });
    await bench.clock.advance(900);
    await HandSocket.last.send(entry(1));
    await bench.clock.advance(100);
    expect(bench.clock.waits).toEqual([900]);
    await bench.clock.advance(900);
    expect(bench.steps.at(-1)!.event).toBe("quiet");
  });
});

describe("a clock that is set", () => {
  test.each([-3_600_000, 3_600_000])("by %i ms makes silence no longer and no shorter", async (byMs) => {
    const bench = await live({ quietMs: 1000 });
    await bench.clock.advance(900);
    await HandSocket.last.send(entry(1));
    bench.clock.set(byMs);
    await bench.clock.advance(100);
    expect(bench.clock.waits).toEqual([900]);
    await bench.clock.advance(900);
    expect(bench.steps.at(-1)!.event).toBe("quiet");
  });
});

describe("the iterator", () => {
  test("return ends consumers that wait, and closes the socket at once", async () => {
    const bench = await live();
    await bench.first;
    const waiting = [bench.subscription.next(), bench.subscription.next()];
    await bench.subscription.return();
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    expect(HandSocket.last.isClosed).toBe(true);
    expect(await bench.subscription.next()).toEqual({ done: true, value: undefined });
  });

  test("an answer that comes after its end is nobody's, also from a fetch that knows no abort", async () => {
    const { http } = benchOf();
    const bench = benchOf({}, { fetch: (url, init) => http.fetch(url, { ...init, signal: null }) });
    const first = bench.subscription.next();
    await settle();
    await bench.subscription.return();
    await http.last.answer(page(0, 5));
    expect(await first).toEqual({ done: true, value: undefined });
    expect([bench.subscription.buffered, bench.subscription.state]).toEqual([0, "closed"]);
    expect(await bench.subscription.next()).toEqual({ done: true, value: undefined });
  });

  test("an observer may end it in the middle of a step", async () => {
    const bench = benchOf({ onTransition: ({ event }) => event === "caught_up" && void bench.subscription.return() });
    const first = bench.subscription.next();
    await settle();
    await bench.http.last.answer(page(0, 1));
    expect(await first).toMatchObject({ value: { offset: 0 } });
    expect([bench.subscription.state, HandSocket.made.length]).toEqual(["closed", 0]);
  });

  test.each(["start", "caught_up", "opened", "quiet"])(
    "an observer that throws at %s ends it with that",
    async (at) => {
      const fault = new Error("no room for the log");
      const bench = benchOf({
        quietMs: 1000,
        onTransition: ({ event }) => {
          if (event === at) throw fault;
        },
      });
      const taken: number[] = [];
      const reading = (async () => {
        for await (const { offset } of bench.subscription) taken.push(offset);
      })();
      const refused = expect(reading).rejects.toBe(fault);
      await settle();
      await bench.http.asked.at(-1)?.answer(page(0, 1));
      await HandSocket.made.at(-1)?.open();
      await bench.clock.advance(1000);
      await refused;
      expect(taken).toEqual(at === "start" ? [] : [0]);
      expect([bench.subscription.state, HandSocket.made.every(({ isClosed }) => isClosed)]).toEqual(["closed", true]);
      expect(bench.clock.waits).toEqual([]);
    },
  );

  test("an observer that throws at its end changes nothing", async () => {
    const bench = benchOf({
      onTransition: ({ event }) => {
        if (event === "refused") throw new Error("no room for the log");
      },
    });
    const refused = expect(bench.subscription.next()).rejects.toMatchObject({ code: "LOG_MISMATCH" });
    await settle();
    await bench.http.last.answer({ code: "LOG_MISMATCH" }, 409);
    await refused;
    expect(bench.subscription.state).toBe("failed");
  });

  test("an end does not wait for the identity that receipts are checked against", async () => {
    const reason = new Error("enough");
    for (const isAbort of [true, false]) {
      const abort = new AbortController();
      const bench = benchOf({ verify: true, signal: abort.signal });
      const first = bench.subscription.next();
      const end = isAbort ? expect(first).rejects.toBe(reason) : expect(first).resolves.toMatchObject({ done: true });
      await settle();
      await bench.http.last.answer(page(0, 5));
      expect(bench.http.asked.map(({ url }) => url.pathname)).toContain("/base/api/v1/sequencer");
      if (isAbort) abort.abort(reason);
      else await bench.subscription.return();
      await end;
      expect(bench.subscription.position.nextOffset).toBe(0);
      expect([bench.http.last.init.signal!.aborted, bench.clock.waits]).toEqual([true, []]);
    }
  });

  test("the identity is asked for once and waited for once, by however many consumers", async () => {
    const bench = benchOf({ verify: true });
    const waiting = Array.from({ length: 20 }, () => bench.subscription.next());
    const added = vi.spyOn(AbortSignal.prototype, "addEventListener");
    await settle();
    await bench.http.last.answer(page(0, 20));
    const asked = bench.http.asked.filter(({ url }) => url.pathname.endsWith("/sequencer"));
    expect(asked).toHaveLength(1);
    expect(added.mock.calls.length).toBeLessThan(20);
    added.mockRestore();
    await bench.subscription.return();
    for (const end of waiting) expect(await end).toMatchObject({ done: true });
  });

  test("a service that is away when its identity is asked for ends nothing", async () => {
    const bench = benchOf({ verify: true }, { retry: { attemptsMax: 1 } });
    const refused = expect(bench.subscription.next()).rejects.toMatchObject({ code: "RECEIPT_INVALID" });
    await settle();
    await bench.http.last.answer(page(0, 5));
    const identity = () => bench.http.asked.filter(({ url }) => url.pathname.endsWith("/sequencer"));
    await identity().at(-1)!.break();
    await bench.clock.advance(50);
    await identity().at(-1)!.answer({ code: "SHUTTING_DOWN" }, 503);
    await bench.clock.advance(100);
    expect(identity()).toHaveLength(3);
    await identity()
      .at(-1)!
      .answer({ log_id: "l", epoch: 1, sequencer_id: "s", public_key: "07".repeat(32) });
    await refused;
  });

  test("an entry that does not verify ends it with its offset, and is never handed on", async () => {
    const bench = benchOf({ verify: { publicKey: new Uint8Array(32) } });
    const refused = expect(bench.subscription.next()).rejects.toMatchObject({
      code: "RECEIPT_INVALID",
      message: expect.stringMatching(/^entry 0: /),
    });
    await settle();
    await bench.http.last.answer(page(0, 5));
    await refused;
    expect(bench.subscription.position.nextOffset).toBe(0);
    expect(await bench.subscription.next()).toEqual({ done: true, value: undefined });
  });

  test.each([{ fromOffset: -1 }, { fromOffset: 0.5 }, { bufferEntriesMax: 0 }])("refuses %j", (options) => {
    expect(() => benchOf(options)).toThrow(RangeError);
  });
});

/**
 * A service with every fault it can have, in any order, and a consumer of any speed. The log is entries 0 to `LOG_ENTRIES`;
 * with a filter every third is left out.
 */
const LOG_ENTRIES = 60;
const BUFFER_MAX = 6;
const FRAME_MAX = 5;

class Simulation {
  readonly bench: Bench;
  readonly taken: number[] = [];
  #head = 0;
  #pending = false;
  readonly #cursors = new Map<HandSocket, number>();
  readonly #answered = new Set<object>();

  constructor(
    readonly isFiltered: boolean,
    WebSocket: WebSocketConstructor,
  ) {
    const filter = isFiltered ? { entityType: "order" } : {};
    this.bench = benchOf({ bufferEntriesMax: BUFFER_MAX, quietMs: 1000, ...filter }, { WebSocket });
  }

  get expected(): number[] {
    return this.visible(0, LOG_ENTRIES);
  }

  visible(from: number, end: number): number[] {
    const all = Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
    return this.isFiltered ? all.filter((offset) => offset % 3 !== 0) : all;
  }

  /** One thing happens; `fault` 0 to 9, of which from 6 on something is wrong. */
  async step(choice: number, fault: number): Promise<void> {
    const possible = [() => this.grow(1 + (fault % 4)), () => this.consume(), () => this.consume()];
    const asked = this.bench.http.asked.find((one) => !this.#answered.has(one) && !one.init.signal!.aborted);
    if (asked) possible.push(() => this.answer(asked, fault));
    const socket = HandSocket.made.find(({ isClosed }) => !isClosed);
    if (socket) possible.push(() => this.drive(socket, fault));
    if (socket) possible.push(() => this.drive(socket, fault));
    const [wait] = this.bench.clock.waits;
    if (wait !== undefined && (choice % 5 === 0 || !(asked || socket))) {
      possible.push(() => this.bench.clock.advance(wait));
    }
    await possible[choice % possible.length]!();
    expect(this.bench.subscription.buffered).toBeLessThanOrEqual(BUFFER_MAX + 2 * FRAME_MAX);
  }

  async grow(count: number): Promise<void> {
    this.#head = Math.min(LOG_ENTRIES, this.#head + count);
  }

  async consume(): Promise<void> {
    if (this.#pending) return;
    this.#pending = true;
    void this.bench.subscription.next().then(({ value }) => {
      this.#pending = false;
      if (value) this.taken.push(value.offset);
    });
    await settle();
  }

  async answer(asked: Bench["http"]["last"], fault: number): Promise<void> {
    this.#answered.add(asked);
    if (fault === 9) return asked.break();
    if (fault === 8) return asked.answer({ code: "OVERLOADED" }, 429);
    if (fault === 7) return asked.answer("<html>", 502);
    const from = Number(asked.url.searchParams.get("from_offset"));
    const shown = this.visible(from, this.#head).slice(0, Math.min(Number(asked.url.searchParams.get("limit")), 9));
    const isCut = shown.length === 9 || shown.length === Number(asked.url.searchParams.get("limit"));
    const nextOffset = isCut ? shown.at(-1)! + 1 : this.#head;
    return asked.answer({ ...LOG, entries: shown.map(entry), next_offset: nextOffset, head_offset: this.#head });
  }

  async drive(socket: HandSocket, fault: number): Promise<void> {
    const cursor = this.#cursors.get(socket);
    if (fault === 9) return socket.lose();
    if (cursor === undefined) {
      this.#cursors.set(socket, Number(new URL(socket.url).searchParams.get("from_offset")));
      return socket.open();
    }
    if (socket instanceof PausableSocket && socket.calls.at(-1) === "pause") return;
    const due = this.visible(cursor, this.#head);
    if (fault === 8) return socket.send("[{");
    if (fault === 7 && cursor > 0) return socket.send(entry(cursor - 1));
    // A filtered subscription cannot tell an entry that was left out from one that does not match.
    if (fault === 6 && due.length > 1 && !this.isFiltered) return socket.send(entry(due[1]!));
    const frame = due.slice(0, FRAME_MAX);
    if (frame.length === 0) return;
    this.#cursors.set(socket, frame.at(-1)! + 1);
    return socket.send(frame.length === 1 ? entry(frame[0]!) : frame.map(entry));
  }
}

test.each([
  ["ws", PausableSocket, false],
  ["ws, filtered", PausableSocket, true],
  ["browser", HandSocket, false],
  ["browser, filtered", HandSocket, true],
] as const)("whatever fails, every entry once and in order (%s)", async (_, WebSocket, isFiltered) => {
  const step = fc.tuple(fc.nat(119), fc.nat(9));
  const property = fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 400 }), async (steps) => {
    const simulation = new Simulation(isFiltered, WebSocket);
    for (const [choice, fault] of steps) await simulation.step(choice, fault);
    expect(simulation.taken).toEqual(simulation.expected.slice(0, simulation.taken.length));
    // The faults end: everything arrives.
    for (let turn = 0; simulation.taken.length < simulation.expected.length && turn < 2000; turn++) {
      await simulation.step(turn * 7 + (turn % 11), 0);
    }
    expect(simulation.taken).toEqual(simulation.expected);
    await simulation.bench.subscription.return();
  });
  await fc.assert(property, { seed: TEST_SEED, numRuns: 40 });
});
