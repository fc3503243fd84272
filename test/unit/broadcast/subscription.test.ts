import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { uuidFromBytes } from "../../../src/base/ids.js";
import { EntrySource, entryQuery } from "../../../src/broadcast/entry-source.js";
import { KeptPages } from "../../../src/broadcast/kept-pages.js";
import { Subscription } from "../../../src/broadcast/subscription.js";
import { Tail } from "../../../src/broadcast/tail.js";
import type { LogReader, StoredPage } from "../../../src/store/contract.js";
import type { Socket } from "../../../src/transport/http.js";

const ID = uuidFromBytes(new Uint8Array(16).fill(7));
const ENTRIES = 9;

/** A page occupies ten bytes. */
const PAGE_BYTES = 10;

function page(from: number, to: number): StoredPage {
  const entries = Array.from({ length: to - from }, (_, index) => {
    const offset = from + index;
    return { offset, frame: Buffer.from(`${offset}`) };
  });
  return { entries, nextOffset: to, bytesHeld: PAGE_BYTES, release: () => {} };
}

/** A client's side: takes `room` frames, then none until it is given more. */
class Client implements Socket {
  readonly received: string[] = [];
  closed: number | null = null;
  room = Number.POSITIVE_INFINITY;
  /** Frames it does not take though nothing waits. */
  refusals = 0;

  send(frame: Uint8Array): boolean {
    if (this.room === 0) return false;
    if (this.refusals > 0) {
      this.refusals -= 1;
      return false;
    }
    this.room -= 1;
    this.received.push(Buffer.from(frame).toString());
    return true;
  }

  corked(work: () => void): void {
    work();
  }

  /** What it does not take would wait. */
  bufferedBytes(): number {
    return this.room === 0 ? 1 : 0;
  }

  end(code: number): void {
    this.closed = code;
  }

  terminate(): void {
    this.closed = 1006;
  }
}

/** A subscriber of a log that is read from the store, three entries a page. */
function subscribe(
  isBatched: boolean,
  client: Client,
  read: LogReader["page"],
  kept: KeptPages = new KeptPages(2 * PAGE_BYTES),
  nextTurn: () => Promise<unknown> = turn,
): Subscription {
  const tail = new Tail(ENTRIES, { bytesMax: 0, pageBytesMax: 1000 });
  const source = new EntrySource({ logId: ID, epoch: 1 }, tail, { page: read } as unknown as LogReader, kept);
  const quiet = { onFrames() {}, onError() {}, onClosed() {} };
  const place = { source, query: entryQuery({}, 3), fromOffset: 0 };
  const subscription = new Subscription({ ...place, isBatched, protocol: null, nextTurn, ...quiet });
  subscription.opened(client);
  return subscription;
}

async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

const stored: LogReader["page"] = async (from, _, max) => page(from, Math.min(ENTRIES, from + max));

describe("a subscription", () => {
  it.each([
    [true, 2 * PAGE_BYTES],
    [true, 0],
    [false, 2 * PAGE_BYTES],
    [false, PAGE_BYTES],
    [false, 0],
  ])("goes on with what the socket did not take (batched: %s, %d bytes kept)", async (isBatched, bytesMax) => {
    const client = new Client();
    client.room = 1;
    const subscription = subscribe(isBatched, client, stored, new KeptPages(bytesMax));
    for (let given = 0; given < ENTRIES; given++) {
      await settled();
      client.room = 1;
      subscription.drained();
    }
    await settled();
    const offsets = client.received.flatMap((text) => JSON.parse(`[${text}]`).flat());
    expect(offsets).toEqual(page(0, ENTRIES).entries.map(({ offset }) => offset));
    expect(subscription.cursor).toBe(ENTRIES);
  });

  it("ends with 1011 when a page cannot be read, behind what could", async () => {
    const client = new Client();
    const subscription = subscribe(false, client, async (from, filter, max) => {
      if (from === 6) throw new Error("entry 6 is damaged");
      return stored(from, filter, max);
    });
    await settled();
    expect(client.received).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(client.closed).toBe(1011);
    expect(subscription.cursor).toBe(6);
  });

  it.each([true, false])("sends again what was refused (batched: %s)", async (isBatched) => {
    const client = new Client();
    client.refusals = 2;
    const subscription = subscribe(isBatched, client, stored);
    await settled();
    const offsets = client.received.flatMap((text) => JSON.parse(`[${text}]`).flat());
    expect(offsets).toEqual(page(0, ENTRIES).entries.map(({ offset }) => offset));
    expect(subscription.cursor).toBe(ENTRIES);
  });

  it.each([true, false])("reads each page once, however slow the socket is (batched: %s)", async (isBatched) => {
    const reads: number[] = [];
    const client = new Client();
    client.room = 1;
    const subscription = subscribe(isBatched, client, async (from, filter, max) => {
      reads.push(from);
      return stored(from, filter, max);
    });
    for (let given = 0; given < ENTRIES; given++) {
      await settled();
      // One page is being sent, one is read ahead: never more.
      expect(reads.length).toBeLessThanOrEqual(Math.floor(subscription.cursor / 3) + 2);
      client.room = 1;
      subscription.drained();
    }
    await settled();
    expect(reads).toEqual([0, 3, 6]);
  });

  it("asks for the next page while the socket takes this one", async () => {
    const reads: number[] = [];
    const client = new Client();
    client.room = 1;
    subscribe(false, client, async (from, filter, max) => {
      reads.push(from);
      return stored(from, filter, max);
    });
    await settled();
    expect(client.received).toEqual(["0"]);
    expect(reads).toEqual([0, 3]);
  });

  it.each([true, false])("adds nothing to what a socket holds back (batched: %s)", async (isBatched) => {
    let waiting = 0;
    const client = new Client();
    // As the native socket does: it takes more than the kernel has room for.
    client.send = (frame) => {
      waiting += frame.length;
      return client.received.push(Buffer.from(frame).toString()) > 0;
    };
    client.bufferedBytes = () => waiting;
    const subscription = subscribe(isBatched, client, stored);
    for (const cursor of [3, 6, 9, 9]) {
      await settled();
      expect(subscription.cursor).toBe(cursor);
      expect(client.received).toHaveLength(isBatched ? cursor / 3 : cursor);
      subscription.drained();
      await settled();
      expect(subscription.cursor).toBe(cursor);
      waiting = 0;
      subscription.drained();
    }
  });

  it("lets others have their turn between two pages", async () => {
    const waiting: (() => void)[] = [];
    const nextTurn = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    const client = new Client();
    subscribe(false, client, stored, undefined, nextTurn);
    for (const received of [3, 6, 9]) {
      await settled();
      expect(client.received).toHaveLength(received);
      expect(waiting).toHaveLength(received < ENTRIES ? 1 : 0);
      waiting.pop()?.();
    }
  });

  it("keeps nothing of a page that was sent, and nothing when it is gone", async () => {
    const kept = new KeptPages(100 * PAGE_BYTES);
    const done = new Client();
    subscribe(false, done, stored, kept);
    await settled();
    expect(done.received).toHaveLength(ENTRIES);
    expect(kept.bytes).toBe(0);

    const stuck = new Client();
    stuck.room = 1;
    const subscription = subscribe(false, stuck, stored, kept);
    await settled();
    expect(kept.bytes).toBe(2 * PAGE_BYTES);
    subscription.closed();
    expect(kept.bytes).toBe(0);
  });

  it("keeps nothing of a page that arrives when it is gone", async () => {
    const kept = new KeptPages(100 * PAGE_BYTES);
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const client = new Client();
    const subscription = subscribe(
      false,
      client,
      async (from, filter, max) => {
        if (from === 3) await arrived;
        return stored(from, filter, max);
      },
      kept,
    );
    await settled();
    subscription.closed();
    arrive();
    await settled();
    expect(client.received).toEqual(["0", "1", "2"]);
    expect(kept.bytes).toBe(0);
  });

  it("is not troubled by a page read ahead that nobody takes any more", async () => {
    const client = new Client();
    client.room = 1;
    const subscription = subscribe(false, client, async (from, filter, max) => {
      if (from === 3) throw new Error("entry 3 is damaged");
      return stored(from, filter, max);
    });
    await settled();
    expect(client.closed).toBeNull();
    subscription.closed();
    await settled();
    expect(client.received).toEqual(["0"]);
  });

  it("that stands still lets go of its pages for one that moves, and misses nothing", async () => {
    const kept = new KeptPages(2 * PAGE_BYTES);
    const stuck = new Client();
    stuck.room = 1;
    const late = subscribe(false, stuck, stored, kept);
    await settled();
    const moving = new Client();
    subscribe(false, moving, stored, kept);
    await settled();
    expect(moving.received).toHaveLength(ENTRIES);
    expect(kept.bytes).toBe(0);
    stuck.room = ENTRIES;
    late.drained();
    await settled();
    expect(stuck.received).toEqual(moving.received);
  });
});
