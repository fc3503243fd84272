import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import { encodeNoteKey, NOTE_ED25519 } from "../../../src/protocol/signed-note.js";
import { TileTree } from "../../../src/protocol/tlog-tile-tree.js";
import { leafHash, type TreeNodes, treeRoot } from "../../../src/protocol/tlog-tree.js";
import { openSigningGuard } from "../../../src/store/sqlite/signing-guard.js";
import { openTlogStore } from "../../../src/store/sqlite/tlog-store.js";
import { SignerConflictError, type SigningGuard, type TlogStore } from "../../../src/store/tlog-contract.js";
import { TlogSigner } from "../../../src/tlog/tlog-signer.js";
import { nodeEd25519 } from "../../../src/verify/ed25519-native.js";
import { seededRandom } from "../../support/load.js";
import { openCheckpoint, rootOf, sha256 } from "../../support/tlog-auditor.js";

/** The signer on a real store, stopped between any two of its steps, and the tree's tiles at sizes with three levels. */

const ORIGIN = "log.example/1";
const SEED = new Uint8Array(32).fill(5);
const record = (history: string, offset: number): Uint8Array => Buffer.from(`${history} ${offset}`);

let folder: string;
const open: Disposable[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
});
afterEach(() => {
  for (const resource of open.splice(0).reverse()) resource[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

function openStore(): TlogStore {
  const store = openTlogStore({ folder, migrationsFolder: migrationsPath("tlog"), origin: ORIGIN, nowMs: 1 });
  open.push(store);
  return store;
}

function openGuard(): SigningGuard {
  const guard = openSigningGuard(join(folder, "guard.db"));
  open.push(guard);
  return guard;
}

/** A signer of a log with `count` entries of that history. */
function signerOf(store: TlogStore, guard: SigningGuard | null, history: string, count: number): TlogSigner {
  const tree = new TileTree(store.head.size, (level, index) => store.tile(level, index));
  const records = (from: number, max: number) =>
    Array.from({ length: Math.max(0, Math.min(max, count - from)) }, (_, i) => record(history, from + i));
  const entries = { records };
  return new TlogSigner({
    ...{ origin: ORIGIN, signingSeed: SEED, ed25519: nodeEd25519, entries, store, guard, tree, ring: null },
  });
}

function growTo(signer: TlogSigner): void {
  while (signer.grow(1000) > 0);
}

/** Leaf hashes of history "a", made once. */
const leaves = Array.from({ length: 70_000 }, (_, offset) => Buffer.from(leafHash(record("a", offset))));
const rootAt = (size: number): Buffer => rootOf(leaves.slice(0, size));

describe("the signer", () => {
  it("hashes leaves as a stranger does", () => {
    expect(leaves[7]!.equals(sha256(Uint8Array.of(0), record("a", 7)))).toBe(true);
  });

  it("has the same tree however often it starts again, and never reads an entry twice", () => {
    const sizes = [0, 1, 255, 256, 257, 700, 65_535, 65_536, 65_537, 66_000];
    for (const size of sizes) {
      const store = openStore();
      expect(store.head.size).toBeLessThanOrEqual(size);
      const signer = signerOf(store, null, "a", size);
      growTo(signer);
      const { note, root } = signer.sign();
      expect(Buffer.from(root).equals(rootAt(size))).toBe(true);
      expect(note.startsWith(`${ORIGIN}\n${size}\n`)).toBe(true);
      open.pop()![Symbol.dispose]();
    }
    const store = openStore();
    const tree = new TileTree(store.head.size, (level, index) => store.tile(level, index));
    for (const size of sizes) {
      expect(Buffer.from(treeRoot(tree, size)).equals(rootAt(size))).toBe(true);
    }
    expect(store.tile(2, 0)).toHaveLength(32);
    expect(() => store.commit({ size: 66_000, root: new Uint8Array(32) }, [])).toThrow(/never goes back/);
  });

  it("loses to a second signer on the same database, whichever signs first", () => {
    const [first, second] = [openStore(), openStore()];
    const [a, b] = [signerOf(first, null, "a", 10), signerOf(second, null, "b", 10)];
    growTo(a);
    growTo(b);
    a.sign();
    expect(() => b.sign()).toThrow(SignerConflictError);
    expect(openStore().head).toEqual(first.head);
  });

  it("loses to a signer of another history that shares only the guard", () => {
    const guard = openGuard();
    const mine = signerOf(openStore(), guard, "a", 10);
    growTo(mine);
    const forked = { size: 12, root: leafHash(record("b", 0)) };
    guard.advance(ORIGIN, forked, () => new Uint8Array(32));
    expect(() => mine.sign()).toThrow(SignerConflictError);
    expect(guard.read(ORIGIN)).toEqual(forked);
  });

  it("loses to a signer of another history that had fewer or as many entries", () => {
    for (const size of [4, 10]) {
      const name = `${ORIGIN}/${size}`;
      const store = openTlogStore({ folder, migrationsFolder: migrationsPath("tlog"), origin: name, nowMs: 1 });
      open.push(store);
      const guard = openGuard();
      const forked = { size, root: leafHash(record("b", size)) };
      guard.advance(name, forked, () => new Uint8Array(32));
      const records = (from: number, max: number) =>
        Array.from({ length: Math.max(0, Math.min(max, 10 - from)) }, (_, i) => record("a", from + i));
      const tree = new TileTree(0, (level, index) => store.tile(level, index));
      const signing = { origin: name, signingSeed: SEED, ed25519: nodeEd25519, entries: { records } };
      const mine = new TlogSigner({ ...signing, store, guard, tree, ring: null });
      growTo(mine);
      expect(() => mine.sign(), `of ${size}`).toThrow("another history");
      expect(guard.read(name)).toEqual(forked);
    }
  });

  it("answers about nothing that is hashed and not signed yet", () => {
    const [store, count] = [openStore(), 300];
    const signer = signerOf(store, null, "a", count);
    signer.grow(256);
    signer.sign();
    growTo(signer);
    expect([signer.size, signer.signedSize]).toEqual([count, 256]);
    expect(signer.answer({ kind: "entries", index: 0, width: 256 })).not.toBeNull();
    expect(signer.answer({ kind: "entries", index: 1, width: 1 })).toBeNull();
    expect(signer.answer({ kind: "tile", level: 0, index: 0, width: 256 })).not.toBeNull();
    expect(signer.answer({ kind: "tile", level: 0, index: 1, width: 1 })).toBeNull();
    expect(signer.answer({ kind: "inclusion", offset: 255, size: 256 })).not.toBeNull();
    expect(signer.answer({ kind: "inclusion", offset: 0, size: 257 })).toBeNull();
    expect(signer.answer({ kind: "consistency", from: 1, to: 256 })).not.toBeNull();
    expect(signer.answer({ kind: "consistency", from: 1, to: 257 })).toBeNull();
  });

  it("goes on where it was stopped between saving, moving the guard and signing", () => {
    for (const stop of ["before saving", "before the guard", "before the signature"]) {
      const name = `${ORIGIN}/${stop.replaceAll(" ", "-")}`;
      const options = { folder, migrationsFolder: migrationsPath("tlog"), origin: name, nowMs: 1 };
      const guard = openGuard();
      const store = openTlogStore(options);
      const tree = new TileTree(0, (level, index) => store.tile(level, index));
      for (let i = 0; i < 300; i++) tree.append(leafHash(record("a", i)));
      const next = { size: 300, root: tree.root() };
      if (stop !== "before saving") store.commit(next, tree.grown());
      if (stop === "before the signature") guard.advance(name, next, (size) => treeRoot(tree, size));
      store[Symbol.dispose]();

      const again = openTlogStore(options);
      open.push(again);
      const resumed = new TileTree(again.head.size, (level, index) => again.tile(level, index));
      const records = (from: number, max: number) =>
        Array.from({ length: Math.min(max, 400 - from) }, (_, i) => record("a", from + i));
      const signing = { origin: name, signingSeed: SEED, ed25519: nodeEd25519, entries: { records } };
      const signer = new TlogSigner({ ...signing, store: again, guard, tree: resumed, ring: null });
      growTo(signer);
      expect(Buffer.from(signer.sign().root).equals(rootAt(400)), stop).toBe(true);
      expect(guard.read(name)).toEqual(again.head);
    }
  });

  it("signs notes a stranger can open", () => {
    const signer = signerOf(openStore(), null, "a", 3);
    growTo(signer);
    const key = encodeNoteKey({ name: ORIGIN, type: NOTE_ED25519, publicKey: nodeEd25519.publicKey(SEED) });
    expect(openCheckpoint(signer.sign().note, key)).toMatchObject({ origin: ORIGIN, size: 3 });
  });

  it("gives every node of its tree from tiles, saved or not", () => {
    const random = seededRandom(3);
    const saved = new Map<string, Uint8Array>();
    const tree = new TileTree(0, (level, index) => saved.get(`${level}/${index}`) ?? null);
    const size = leaves.length;
    leaves.forEach((leaf, at) => {
      tree.append(leaf);
      if (at % 9_973 !== 0) return;
      for (const { level, index, hashes } of tree.grown()) saved.set(`${level}/${index}`, hashes);
      tree.markSaved();
    });
    const plain: TreeNodes = {
      node: (height, index) => rootOf(leaves.slice(index * 2 ** height, (index + 1) * 2 ** height)),
    };
    for (let i = 0; i < 200; i++) {
      const height = Math.floor(random() * 13);
      const index = Math.floor(random() * Math.floor(size / 2 ** height));
      expect(Buffer.from(tree.node(height, index)).equals(plain.node(height, index)), `${height}/${index}`).toBe(true);
    }
    expect(tree.tile(0, 273, 113)).toBeNull();
    expect(tree.tile(0, 273, 112)).toHaveLength(112 * 32);
    expect(tree.tile(1, 1, 17)).toHaveLength(17 * 32);
    expect(tree.tile(9, 0, 1)).toBeNull();
  });
});
