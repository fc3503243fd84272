import { describe, expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { PackReader, PackWriter } from "../../../src/base/pack.js";
import { Tail } from "../../../src/broadcast/tail.js";
import type { LogEntry } from "../../../src/store/contract.js";
import { PackedPage, packPage, packPageIn } from "../../../src/store/packed-page.js";
import { type PagePlace, PageRing } from "../../../src/store/page-ring.js";
import { Random } from "../../support/fuzz/random.js";
import { TEST_SEED } from "../../support/seed.js";

/** The lane writes only over what the main thread has released; what finds no room comes as a buffer of its own. */

interface Kept {
  readonly place: PagePlace;
  readonly bytes: Uint8Array;
}

/** Both ends of one ring of `size` bytes. */
function ends(size: number): [writer: PageRing, reader: PageRing] {
  const memory = PageRing.allocate(0, size);
  return [new PageRing(memory), new PageRing(memory)];
}

function put(ring: PageRing, bytes: Uint8Array, asked = bytes.length): PagePlace | null {
  const room = ring.room(asked);
  if (room === null) return null;
  // All that was asked for may be written to, whatever is claimed in the end.
  room.fill(0xee);
  room.set(bytes);
  return ring.claim(bytes.length);
}

describe("the ring of pages", () => {
  it("keeps every page as it was written until it is released, and refuses only what has no room", () => {
    const random = new Random(TEST_SEED);
    const seen = { refused: 0, whole: 0, wraps: 0, overEdge: 0 };
    for (let run = 0; run < 200; run++) {
      const size = 1 + random.below(400);
      const [writer, reader] = ends(size);
      const kept: Kept[] = [];
      for (let step = 0; step < 100; step++) {
        const bytes = random.bytes(1 + random.below(random.chance(0.1) ? size * 2 : Math.ceil(size / 4)));
        const asked = bytes.length + random.below(8);
        const place = put(writer, bytes, asked);
        if (place === null) {
          seen.refused += 1;
          expect(asked > size || kept.length > 0, `seed ${TEST_SEED}: an empty ring takes what it can hold`).toBe(true);
        } else {
          kept.push({ place, bytes });
          if (asked > size / 2) seen.whole += 1;
          if (place.start >= size) seen.wraps += 1;
          const before = kept.at(-2)?.place;
          if (before !== undefined && place.start > before.start + before.length) seen.overEdge += 1;
        }
        // In their order; a reader that is slow releases nothing for a while.
        while (kept.length > 0 && random.chance(0.45)) reader.release(kept.shift()!.place);
        for (const page of kept)
          expect(reader.page(page.place).equals(page.bytes), `seed ${TEST_SEED} run ${run}`).toBe(true);
      }
    }
    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(50);
  });

  it("is used to its last byte", () => {
    const [writer, reader] = ends(100);
    const first = put(writer, new Uint8Array(60))!;
    expect(put(writer, new Uint8Array(40))).toEqual({ start: 60, length: 40 });
    expect(put(writer, new Uint8Array(1))).toBeNull();
    reader.release(first);
    expect(put(writer, new Uint8Array(61))).toBeNull();
    expect(put(writer, new Uint8Array(60))).toEqual({ start: 100, length: 60 });
  });

  it("has its whole size for one page wherever the last one ended", () => {
    const [writer, reader] = ends(100);
    for (let round = 0; round < 10; round++) {
      reader.release(put(writer, new Uint8Array(70).fill(round))!);
      const whole = put(writer, new Uint8Array(100).fill(round))!;
      expect(put(writer, new Uint8Array(1))).toBeNull();
      expect(reader.page(whole).every((byte) => byte === round)).toBe(true);
      reader.release(whole);
    }
  });

  it("gives out the same room again when nothing was claimed of it", () => {
    const [writer] = ends(100);
    writer.room(80);
    expect(put(writer, new Uint8Array(100))).toEqual({ start: 0, length: 100 });
  });

  it("refuses to release a page after a later one", () => {
    const [writer, reader] = ends(100);
    const [first, second] = [put(writer, new Uint8Array(10))!, put(writer, new Uint8Array(10))!];
    reader.release(second);
    expect(() => reader.release(first)).toThrow("in order");
  });
});

const TEXTS = ["order", "", "€".repeat(40), "日本", "𝔘niträger", "\u0000", "\ud800"];

function entries(random: Random, from: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: random.pick(["ves_event", "event"] as const),
    offset: from + index,
    sequenceNumber: 1 + random.below(2 ** 40),
    tenantId: random.uuid() as Uuid,
    storeId: random.uuid() as Uuid,
    entityType: random.pick(TEXTS),
    entityId: random.pick(TEXTS),
    frame: Buffer.from(random.bytes(random.below(300))),
  }));
}

/** A lone surrogate does not survive UTF-8, here as everywhere. */
function asPacked(all: readonly LogEntry[]): LogEntry[] {
  return all.map((entry) => ({
    ...entry,
    entityType: Buffer.from(entry.entityType).toString(),
    entityId: Buffer.from(entry.entityId).toString(),
  }));
}

describe("packed pages in the ring", () => {
  it("come out as they went in, whether there was room for them or not", () => {
    const random = new Random(TEST_SEED);
    const [writer, reader] = ends(8_000);
    const bytesMax = 5_000;
    const tail = new Tail(0, { bytesMax, pageBytesMax: 1_000_000 });
    const all: LogEntry[] = [];
    const seen = { own: 0, inRing: 0 };
    for (let step = 0; step < 2_000; step++) {
      const page = entries(random, all.length, 1 + random.below(random.chance(0.05) ? 40 : 6));
      all.push(...page);
      const packed = packPageIn(writer, { entries: page, nextOffset: all.length });
      seen[packed instanceof Uint8Array ? "own" : "inRing"] += 1;
      tail.append(PackedPage.from(reader, packed));
      expect(tail.bytes).toBeLessThanOrEqual(bytesMax);
      if (random.chance(0.7)) continue;
      const from = tail.firstOffset + random.below(all.length - tail.firstOffset + 1);
      const { entries: read, nextOffset } = tail.page(from, () => true, 100_000)!;
      expect(nextOffset, `seed ${TEST_SEED}`).toBe(all.length);
      expect(read, `seed ${TEST_SEED}`).toEqual(asPacked(all.slice(from)));
    }
    expect(seen.own).toBeGreaterThan(20);
    expect(seen.inRing).toBeGreaterThan(500);
  });

  it("cannot be looked at after they were released", () => {
    const [writer, reader] = ends(8_000);
    const page = { entries: entries(new Random(TEST_SEED), 0, 3), nextOffset: 3 };
    const packed = PackedPage.from(reader, packPageIn(writer, page));
    expect(packed).toMatchObject({ count: 3, nextOffset: 3, bytes: packPage(page).length });
    packed.release();
    packed.release();
    expect(() => packed.entries).toThrow("released");
  });

  it("are gone with the tail's page, also for whoever asked before", () => {
    const random = new Random(TEST_SEED);
    const tail = new Tail(0, { bytesMax: 1_000, pageBytesMax: 1_000_000 });
    const append = (from: number, to: number) =>
      tail.append(new PackedPage(packPage({ entries: entries(random, from, to - from), nextOffset: to })));
    append(0, 1);
    const page = tail.page(0, () => true, 10)!;
    expect(page.entries).toHaveLength(1);
    append(1, 20);
    expect(tail.firstOffset).toBe(20);
    expect(() => page.entries).toThrow("dropped");
    // A page without entries has nothing to lose.
    expect(tail.page(20, () => true, 10)).toMatchObject({ nextOffset: 20 });
  });
});

describe("a writer in somebody else's memory", () => {
  it("writes there, and fails where there is no room left", () => {
    const room = Buffer.alloc(12);
    const writer = PackWriter.in(room).u32(7).u53(9);
    expect(() => writer.u8(1)).toThrow("room");
    expect(() => writer.take()).toThrow("somebody else's");
    const reader = new PackReader(room);
    expect([reader.u32(), reader.u53(), reader.done]).toEqual([7, 9, true]);
  });
});
