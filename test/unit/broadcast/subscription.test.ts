import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { uuidFromBytes } from "../../../src/base/ids.js";
import { EntrySource, entryQuery } from "../../../src/broadcast/entry-source.js";
import { Subscription } from "../../../src/broadcast/subscription.js";
import { Tail } from "../../../src/broadcast/tail.js";
import type { LogReader, Page } from "../../../src/store/contract.js";
import type { Socket } from "../../../src/transport/http.js";

const ID = uuidFromBytes(new Uint8Array(16).fill(7));
const ENTRIES = 9;

function page(from: number, to: number): Page {
  const stream = { tenantId: ID, storeId: ID, entityType: "order", entityId: "1" };
  const entries = Array.from({ length: to - from }, (_, index) => {
    const offset = from + index;
    return {
      kind: "ves_event" as const,
      offset,
      sequenceNumber: offset + 1,
      ...stream,
      frame: Buffer.from(`${offset}`),
    };
  });
  return { entries, nextOffset: to };
}

/** A client's side: takes `room` frames, then none until it is given more. */
class Client implements Socket {
  readonly received: string[] = [];
  closed: number | null = null;
  room = Number.POSITIVE_INFINITY;

  send(frame: Uint8Array): boolean {
    if (this.room === 0) return false;
    this.room -= 1;
    this.received.push(Buffer.from(frame).toString());
    return true;
  }

  corked(work: () => void): void {
    work();
  }

  bufferedBytes(): number {
    return 0;
  }

  end(code: number): void {
    this.closed = code;
  }

  terminate(): void {
    this.closed = 1006;
  }
}

/** A subscriber of a log that is read from the store, three entries a page. */
function subscribe(isBatched: boolean, client: Client, read: LogReader["page"]): Subscription {
  const tail = new Tail(ENTRIES, { bytesMax: 0, pageBytesMax: 1000 });
  const source = new EntrySource({ logId: ID, epoch: 1 }, tail, { page: read } as unknown as LogReader);
  const quiet = { onFrames() {}, onError() {}, onClosed() {} };
  const place = { source, query: entryQuery({}, 3), fromOffset: 0 };
  const subscription = new Subscription({ ...place, isBatched, protocol: null, nextTurn: turn, ...quiet });
  subscription.opened(client);
  return subscription;
}

async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

const stored: LogReader["page"] = async (from, _, max) => page(from, Math.min(ENTRIES, from + max));

describe("a subscription", () => {
  it.each([true, false])("goes on with what the socket did not take (batched: %s)", async (isBatched) => {
    const client = new Client();
    client.room = 1;
    const subscription = subscribe(isBatched, client, stored);
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
});
