import { expect, it } from "vitest";
import { uuidFromBytes } from "../../../src/base/ids.js";
import { EntrySource, entryQuery } from "../../../src/broadcast/entry-source.js";
import { KeptPages } from "../../../src/broadcast/kept-pages.js";
import { Tail, type TailPage } from "../../../src/broadcast/tail.js";
import type { EntryFrame, LogEntry, LogReader, StoredPage } from "../../../src/store/contract.js";

const ID = uuidFromBytes(new Uint8Array(16).fill(7));

function entry(offset: number): LogEntry {
  const frame = Buffer.from(`{"offset":${offset}}`);
  const stream = { tenantId: ID, storeId: ID, sequenceNumber: offset + 1 };
  return { kind: "ves_event", offset, ...stream, entityType: "order", entityId: "1", frame };
}

function entries(from: number, to: number): LogEntry[] {
  return Array.from({ length: to - from }, (_, index) => entry(from + index));
}

const release = (): void => {};

function page(from: number, to: number): StoredPage {
  return { entries: entries(from, to), nextOffset: to, bytesHeld: 1, release };
}

function committed(from: number, to: number): TailPage {
  const bytes = entries(from, to).reduce((sum, { frame }) => sum + frame.length, 0);
  return { entries: entries(from, to), nextOffset: to, count: to - from, bytes, release };
}

/** A store that is `stored` entries long, whatever this thread has heard. */
function storeOf(stored: number): LogReader {
  const read = async (from: number, _: unknown, max: number): Promise<StoredPage> =>
    page(from, Math.min(stored, from + max));
  return { page: read } as unknown as LogReader;
}

const query = entryQuery({}, 100);

it("hands out no cursor beyond the head, also when the store is ahead of what was announced", async () => {
  for (const stored of [4, 5]) {
    const tail = new Tail(3, { bytesMax: 0, pageBytesMax: 1000 });
    const source = new EntrySource({ logId: ID, epoch: 1 }, tail, storeOf(stored), new KeptPages(0));
    expect(await source.page(1, query)).toMatchObject({ ...page(1, 3), release: expect.any(Function) });
    tail.append(committed(3, stored));
    expect(await source.page(3, query)).toEqual(page(3, stored));
    const { entries: beyond, nextOffset } = await source.page(stored, query);
    expect([beyond, nextOffset]).toEqual([[], stored]);
  }
});

it("crosses from the store to memory without a gap or a repetition, for every place of the seam", async () => {
  for (let bytesMax = 0; bytesMax <= 140; bytesMax += 10) {
    const tail = new Tail(0, { bytesMax, pageBytesMax: 30 });
    // Commits of 1, 2, 3, 1, 2, 1 entries.
    for (const [from, to] of [
      [0, 1],
      [1, 3],
      [3, 6],
      [6, 7],
      [7, 9],
      [9, 10],
    ] as const)
      tail.append(committed(from, to));
    const source = new EntrySource({ logId: ID, epoch: 1 }, tail, storeOf(10), new KeptPages(0));
    const read: EntryFrame[] = [];
    for (let next = 0; next < source.nextOffset; ) {
      const { entries: found, nextOffset } = await source.page(next, entryQuery({}, 2));
      read.push(...found);
      expect(nextOffset).toBeGreaterThan(next);
      next = nextOffset;
    }
    expect(read).toEqual(page(0, 10).entries);
  }
});

it("cuts a page of memory once for all who ask the same, and anew when there is more", () => {
  const tail = new Tail(0, { bytesMax: 1000, pageBytesMax: 1000 });
  tail.append(committed(0, 3));
  const everything = entryQuery({}, 100);
  const ask = (from = 1, { matches, entriesMax } = everything): unknown => tail.page(from, matches, entriesMax);
  const first = ask();
  expect(first).toMatchObject({ entries: entries(1, 3), nextOffset: 3 });
  expect(ask(1, entryQuery({}, 100))).toBe(first);
  // Each right behind the question of everything from 1 on.
  for (const [other, expected] of [
    [() => ask(2), { entries: entries(2, 3), nextOffset: 3 }],
    [() => ask(1, entryQuery({ entityType: "refund" }, 100)), { entries: [], nextOffset: 3 }],
    [() => ask(1, entryQuery({}, 1)), { entries: entries(1, 2), nextOffset: 2 }],
  ] as const) {
    expect(ask()).toMatchObject({ entries: entries(1, 3), nextOffset: 3 });
    expect(other()).toMatchObject(expected);
  }
  ask();
  tail.append(committed(3, 4));
  expect(ask()).toMatchObject({ entries: entries(1, 4), nextOffset: 4 });
});

it("ends a page of memory with the entry that crosses its bound, wherever commits ended", () => {
  const frameBytes = entry(0).frame.length;
  for (const [pageBytesMax, taken] of [
    [1, 1],
    [2 * frameBytes, 2],
    [2 * frameBytes + 1, 3],
    [1000, 6],
  ] as const) {
    const tail = new Tail(0, { bytesMax: 1000, pageBytesMax });
    tail.append(committed(0, 2));
    tail.append(committed(2, 6));
    expect(tail.page(0, query.matches, 100)).toMatchObject({ entries: entries(0, taken), nextOffset: taken });
  }
});
