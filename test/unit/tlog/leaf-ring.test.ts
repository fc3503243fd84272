import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import { type Uuid, uuidToBytes } from "../../../src/base/ids.js";
import { commitChunk } from "../../../src/lane/commit-chunk.js";
import { cutChunk } from "../../../src/lane/cut-chunk.js";
import { leafRecord } from "../../../src/protocol/tlog-leaf.js";
import { TileTree } from "../../../src/protocol/tlog-tile-tree.js";
import { leafHash } from "../../../src/protocol/tlog-tree.js";
import type { NewEntry } from "../../../src/store/contract.js";
import { LEAF_RING_LEAVES, LeafRing } from "../../../src/store/leaf-ring.js";
import { openReader } from "../../../src/store/sqlite/connection.js";
import { openLaneStore } from "../../../src/store/sqlite/open-lane-store.js";
import { TlogEntries } from "../../../src/store/sqlite/tlog-entries.js";
import { openTlogStore } from "../../../src/store/sqlite/tlog-store.js";
import { TlogSigner } from "../../../src/tlog/tlog-signer.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { Random } from "../../support/fuzz/random.js";
import { laneItems, STALE_EPOCH } from "../../support/lane-items.js";
import { TEST_SEED } from "../../support/seed.js";

/** Leaves handed from the lane to the tree are those of the rows; gaps and a slow reader cost rows, never a wrong tree. */

const ed25519 = selectEd25519();
const seed = new Uint8Array(32).fill(7);
const sequencer = { sequencerId: "11111111-1111-4111-8111-111111111111" as Uuid, publicKey: ed25519.publicKey(seed) };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An entry as the lane writes it, as far as its leaf depends on it. */
function entryAt(offset: number): NewEntry {
  const bytes = (length: number, salt: number) => new Uint8Array(length).fill(offset * 7 + salt);
  const event = { kind: "ves_event", sequencedAtMs: 1_750_000_000_000 + offset, sequencer } as const;
  return {
    offset,
    receiptHash: bytes(32, 1),
    event: { ...event, receiptSignature: bytes(64, 2), envelope: Buffer.from(`{"offset":${offset}}`) },
  } as unknown as NewEntry;
}

function recordAt(offset: number): Uint8Array {
  const { receiptHash, event } = entryAt(offset);
  const { kind, sequencedAtMs, receiptSignature, envelope } = event;
  const sequencerId = uuidToBytes(sequencer.sequencerId);
  return leafRecord({ kind, offset, receiptHash, sequencedAtMs, sequencerId, receiptSignature, event: envelope });
}

const entries = (from: number, to: number): NewEntry[] =>
  Array.from({ length: to - from }, (_, i) => entryAt(from + i));
const hashes = (from: number, to: number): Buffer =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => leafHash(recordAt(from + i))));

describe("the ring of leaves", () => {
  it("gives the leaf of every row the lane wrote, of both kinds", async () => {
    const random = new Random(TEST_SEED);
    const { store } = openLaneStore({
      ...{ folder, migrationsFolder: migrationsPath("sqlite"), sequencer, rejectionsKeptMax: 100, nowMs: 1 },
      freshLogId: "22222222-2222-4222-8222-222222222222" as Uuid,
    });
    const memory = LeafRing.allocate();
    const [lane, tree] = [new LeafRing(memory), new LeafRing(memory)];
    const queue = laneItems(random, 300);
    while (queue.length > 0) {
      const context = { nowMs: 1_750_000_000_000, sequencer, sign: sign, keyEpoch: STALE_EPOCH };
      lane.offer((await commitChunk(store, cutChunk(queue, 1 + random.below(20)), context)).written);
    }
    const reader = openReader(folder);
    const records = new TlogEntries(reader).records(0, 10_000);
    expect(records.length, `seed ${TEST_SEED}`).toBeGreaterThan(20);
    expect(new Set(records.map((record) => record[1])), `seed ${TEST_SEED}`).toEqual(new Set([0, 1]));
    expect(Buffer.from(tree.take(0, 10_000))).toEqual(Buffer.concat(records.map(leafHash)));
    reader.close();
    await store[Symbol.asyncDispose]();
  });

  it("takes nothing while there is no room, and goes on behind the gap", () => {
    const ring = new LeafRing(LeafRing.allocate());
    const full = LEAF_RING_LEAVES - 10;
    ring.offer(entries(0, full));
    ring.offer(entries(full, full + 20));
    ring.offer(entries(full + 20, full + 25));
    expect(Buffer.from(ring.take(0, 100))).toEqual(hashes(0, 100));
    expect(Buffer.from(ring.take(full - 5, 100))).toEqual(hashes(full - 5, full));
    expect(ring.take(full, 100)).toHaveLength(0);
    ring.release(full);
    ring.offer(entries(full + 25, full + 60));
    // What came while it was full is not there, and what is behind it is over the ring's edge.
    expect(ring.take(full, 100)).toHaveLength(0);
    expect(ring.take(full + 24, 100)).toHaveLength(0);
    expect(Buffer.from(ring.take(full + 25, 100))).toEqual(hashes(full + 25, full + 60));
    expect(Buffer.from(ring.take(full + 30, 7))).toEqual(hashes(full + 30, full + 37));
  });

  it("has nothing of a log that was there before it", () => {
    const ring = new LeafRing(LeafRing.allocate());
    ring.offer(entries(1_000_000, 1_000_010));
    expect(ring.take(999_999, 100)).toHaveLength(0);
    expect(ring.take(1_000_000, 100)).toHaveLength(0);
    ring.release(999_000);
    ring.offer(entries(1_000_010, 1_000_012));
    expect(ring.take(1_000_009, 100)).toHaveLength(0);
    expect(Buffer.from(ring.take(1_000_010, 100))).toEqual(hashes(1_000_010, 1_000_012));
  });
});

function sign(hash: Uint8Array): Uint8Array {
  return ed25519.sign(hash, seed);
}

/** A signer of a log that is durable up to `count()`. */
function signerOf(ring: LeafRing, count: () => number, onRows: (rows: number) => void = () => {}): TlogSigner {
  const origin = "log.example/1";
  const store = openTlogStore({ folder, migrationsFolder: migrationsPath("tlog"), origin, nowMs: 1 });
  const records = (from: number, max: number) => {
    const rows = Array.from({ length: Math.max(0, Math.min(max, count() - from)) }, (_, i) => recordAt(from + i));
    onRows(rows.length);
    return rows;
  };
  const tree = new TileTree(0, () => null);
  return new TlogSigner({
    ...{ origin, signingSeed: seed, ed25519, entries: { records }, store, guard: null, tree, ring },
  });
}

describe("a tree that grows by the ring", () => {
  it("is the tree of the rows, however the two threads take turns", () => {
    const random = new Random(TEST_SEED);
    const ring = new LeafRing(LeafRing.allocate());
    let durable = 0;
    let offered = 0;
    const signer = signerOf(ring, () => durable);
    while (durable < 30_000) {
      const chunk = 1 + random.below(random.chance(0.1) ? 9_000 : 400);
      durable += chunk;
      // Now and then the tree looks between the commit and the hand-over, or not for a long time.
      while (random.chance(0.5)) signer.grow(1 + random.below(600));
      ring.offer(entries(offered, durable));
      offered = durable;
      while (random.chance(0.3)) signer.grow(1 + random.below(600));
    }
    while (signer.grow(512) > 0);
    const expected = new TileTree(0, () => null);
    for (let offset = 0; offset < durable; offset++) expected.append(leafHash(recordAt(offset)));
    expect(signer.sign(), `seed ${TEST_SEED}`).toMatchObject({ size: durable, root: expected.root() });
  });

  it("reads no rows but the one it holds against the tree before it signs", () => {
    const ring = new LeafRing(LeafRing.allocate());
    let rows = 0;
    const signer = signerOf(
      ring,
      () => 5_000,
      (count) => {
        rows += count;
      },
    );
    for (let at = 0; at < 5_000; at += 500) ring.offer(entries(at, at + 500));
    while (signer.grow(512) > 0);
    expect(rows).toBe(0);
    signer.sign();
    expect(rows).toBe(1);
  });

  it("is not signed when its last leaf is not that of a durable row", () => {
    const ring = new LeafRing(LeafRing.allocate());
    let durable = 9;
    const signer = signerOf(ring, () => durable);
    ring.offer(entries(0, 10));
    expect(signer.grow(512)).toBe(10);
    expect(() => signer.sign()).toThrow("not of the log's rows");
    expect(signer.signedSize).toBe(0);
    durable = 10;
    expect(signer.sign().size).toBe(10);
  });
});
