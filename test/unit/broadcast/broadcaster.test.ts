import { expect, it } from "vitest";
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
const TURN_MAX = 64;

/** Takes everything. */
class Client implements Socket {
  readonly received: string[] = [];

  send(frame: Uint8Array): boolean {
    return this.received.push(Buffer.from(frame).toString()) > 0;
  }
  corked(work: () => void): void {
    work();
  }
  bufferedBytes(): number {
    return 0;
  }
  end(): void {}
  terminate(): void {}
}

it("serves many subscribers a few at a time, answers first, and misses no news that comes meanwhile", async () => {
  const turns: (() => void)[] = [];
  const nextTurn = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const tail = new Tail(0, { bytesMax: 1 << 20, pageBytesMax: 1 << 20 });
  const source = new EntrySource({ logId: ID, epoch: 1 }, tail, {} as LogReader, new KeptPages(0));
  const broadcaster = new Broadcaster(SUBSCRIBERS, nextTurn);
  const clients = Array.from({ length: SUBSCRIBERS }, () => {
    const client = new Client();
    const place = { source, query: entryQuery({}, 100), fromOffset: 0, isBatched: false, protocol: null };
    const options = { ...place, onFrames() {}, onError: (error: unknown) => expect.fail(String(error)) };
    broadcaster.add(options, { credential: null, expiresAtMs: null }).opened(client);
    return client;
  });
  const heard = (): number => clients.reduce((sum, { received }) => sum + received.length, 0);
  const append = (offset: number): void => {
    const stream = { tenantId: ID, storeId: ID, sequenceNumber: offset + 1, entityType: "order", entityId: "1" };
    const entry = { ...stream, kind: "ves_event" as const, offset, frame: Buffer.from(`${offset}`) };
    tail.append(new PackedPage(packPage({ entries: [entry], nextOffset: offset + 1 })));
    broadcaster.wake();
  };
  append(0);
  expect(heard()).toBe(0);
  let most = 0;
  for (let turn = 0, appended = 1; turns.length > 0; turn++) {
    const before = clients.filter(({ received }) => received.length > 0).length;
    for (const resolve of turns.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, clients.filter(({ received }) => received.length > 0).length - before);
    // The last one comes in the middle of the first round.
    if (turn < 3) append(appended++);
  }
  expect(most).toBe(TURN_MAX);
  const all = ["0", "1", "2", "3"];
  for (const { received } of clients) expect(received).toEqual(all);
});
