import { afterEach, describe, expect, it, vi } from "vitest";
import { uuidFromBytes } from "../../../src/base/ids.js";
import { Broadcaster } from "../../../src/broadcast/broadcaster.js";
import { EntrySource, entryQuery } from "../../../src/broadcast/entry-source.js";
import { KeptPages } from "../../../src/broadcast/kept-pages.js";
import { Tail } from "../../../src/broadcast/tail.js";
import type { LogReader } from "../../../src/store/contract.js";
import { PackedPage, packPage } from "../../../src/store/packed-page.js";
import type { Socket } from "../../../src/transport/http.js";

const ID = uuidFromBytes(new Uint8Array(16).fill(7));
const SUBSCRIBERS = 300;
const WRITES_PER_TURN = 128;

/** Takes everything. */
class Client implements Socket {
  readonly received: string[] = [];
  writes = 0;

  send(frame: Uint8Array): boolean {
    return this.received.push(Buffer.from(frame).toString().trimEnd()) > 0;
  }
  corked(work: () => void): void {
    this.writes += 1;
    work();
  }
  bufferedBytes(): number {
    return 0;
  }
  readonly ends: string[] = [];
  end(code: number, reason: string): void {
    this.ends.push(`${code} ${reason}`);
  }
  terminate(): void {}
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** A log in memory, everybody who follows it, and the turns that they wait for. */
function audience() {
  const turns: (() => void)[] = [];
  const nextTurn = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const tail = new Tail(0, { bytesMax: 1 << 20, pageBytesMax: 1 << 20 });
  const source = new EntrySource({ logId: ID, epoch: 1 }, tail, {} as LogReader, new KeptPages(0));
  const broadcaster = new Broadcaster(SUBSCRIBERS, nextTurn);
  const clients = Array.from({ length: SUBSCRIBERS }, () => {
    const client = new Client();
    const place = { source, query: entryQuery({}, 100), fromOffset: 0, isBatched: false, protocol: null };
    const options = { ...place, onFrames() {}, onError: (error: unknown) => expect.fail(String(error)) };
    broadcaster.add(options, { credential: null, expiresAtMs: null, tenantId: null }).opened(client);
    return client;
  });
  return {
    clients,
    /** Entries of so many bytes each, in one commit. */
    append(count: number, bytes = 1): void {
      const first = tail.nextOffset;
      const entries = Array.from({ length: count }, (_, index) => {
        const [offset, sequenceNumber] = [first + index, first + index + 1];
        const stream = { tenantId: ID, storeId: ID, sequenceNumber, entityType: "order", entityId: "1" };
        return { ...stream, kind: "ves_event" as const, offset, frame: Buffer.from(`${offset}`.padEnd(bytes)) };
      });
      tail.append(new PackedPage(packPage({ entries, nextOffset: first + count })));
      broadcaster.wake();
    },
    /** False when nobody waits for a turn. */
    async turn(): Promise<boolean> {
      const waiting = turns.splice(0);
      for (const resolve of waiting) resolve();
      await new Promise((resolve) => setImmediate(resolve));
      return waiting.length > 0;
    },
  };
}

it("serves many subscribers a few at a time, answers first, and misses no news that comes meanwhile", async () => {
  const { clients, append, turn } = audience();
  const served = (): number => clients.filter(({ received }) => received.length > 0).length;
  append(1);
  expect(served()).toBe(0);
  let most = 0;
  for (let turns = 0, before = 0; await turn(); turns++, before = served()) {
    most = Math.max(most, served() - before);
    // Both come in the middle of the first round, which takes three turns.
    if (turns < 2) append(1);
  }
  expect(most).toBe(WRITES_PER_TURN);
  for (const { received } of clients) expect(received).toEqual(["0", "1", "2"]);
});

it("counts writes, not subscribers: those that are behind do not make a turn longer", async () => {
  const { clients, append, turn } = audience();
  const written = (): number => sum(clients.map(({ writes }) => writes));
  // Four to a write of 16 KiB.
  append(32, 4_000);
  const perClient = 8;
  let most = 0;
  for (let before = 0; await turn(); before = written()) most = Math.max(most, written() - before);
  expect(written()).toBe(SUBSCRIBERS * perClient);
  expect(most).toBe(WRITES_PER_TURN);
  const all = Array.from({ length: 32 }, (_, offset) => `${offset}`);
  for (const { received } of clients) expect(received).toEqual(all);
});

it("the place of a displaced subscriber is free at once, also when its peer never closes", () => {
  const PLACES = 4;
  const tail = new Tail(0, { bytesMax: 0, pageBytesMax: 0 });
  const source = new EntrySource({ logId: ID, epoch: 1 }, tail, {} as LogReader, new KeptPages(0));
  const broadcaster = new Broadcaster(PLACES);
  const open = (tenant: number): Client => {
    const client = new Client();
    const place = { source, query: entryQuery({}, 100), fromOffset: 0, isBatched: false, protocol: null };
    const options = { ...place, onFrames() {}, onError: (error: unknown) => expect.fail(String(error)) };
    const tenantId = uuidFromBytes(new Uint8Array(16).fill(tenant));
    broadcaster.add(options, { credential: null, expiresAtMs: null, tenantId }).opened(client);
    return client;
  };
  const ofFirst = Array.from({ length: PLACES }, () => open(1));
  open(2);
  expect(broadcaster.subscribers).toBe(PLACES);
  open(2);
  expect(broadcaster.subscribers).toBe(PLACES);
  const displaced = ["1013 TOO_MANY_SUBSCRIBERS"];
  expect(ofFirst.map(({ ends }) => ends)).toEqual([[], [], displaced, displaced]);
  expect(() => open(2)).toThrow(expect.objectContaining({ code: "TOO_MANY_SUBSCRIBERS" }));
  expect(broadcaster.subscribers).toBe(PLACES);
});

describe("a subscription that a token opened", () => {
  afterEach(() => vi.useRealTimers());

  const HOUR_MS = 3_600_000;

  function opened(livesMs: number) {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: 0 });
    const client = new Client();
    const tail = new Tail(0, { bytesMax: 1 << 20, pageBytesMax: 1 << 20 });
    const source = new EntrySource({ logId: ID, epoch: 1 }, tail, {} as LogReader, new KeptPages(0));
    const place = { source, query: entryQuery({}, 100), fromOffset: 0, isBatched: false, protocol: null };
    const options = { ...place, onFrames() {}, onError: (error: unknown) => expect.fail(String(error)) };
    const subscription = new Broadcaster(1).add(options, { credential: null, expiresAtMs: livesMs, tenantId: null });
    subscription.opened(client);
    return { client, subscription };
  }

  it("ends when the token expires, not before", () => {
    const { client } = opened(2 * HOUR_MS);
    vi.advanceTimersByTime(2 * HOUR_MS - 1);
    expect(client.ends).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(client.ends).toEqual(["1008 TOKEN_EXPIRED"]);
  });

  it("ends soon after the machine slept past that time, or its clock was set", () => {
    const { client } = opened(2 * HOUR_MS);
    vi.setSystemTime(5 * HOUR_MS);
    vi.advanceTimersByTime(30_000);
    expect(client.ends).toEqual(["1008 TOKEN_EXPIRED"]);
  });

  it("leaves no timer behind when it is closed", () => {
    const { subscription } = opened(2 * HOUR_MS);
    subscription.closed();
    expect(vi.getTimerCount()).toBe(0);
  });
});
