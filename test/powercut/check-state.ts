/** What must hold of every state that a power cut may leave: opened by the real store, proven by the real verify-log. */
import { strict as assert } from "node:assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { auditLog } from "../../src/audit/audit-log.js";
import { migrationsPath } from "../../src/base/asset-paths.js";
import { bytesEqual } from "../../src/base/bytes.js";
import { type Uuid, uuidToBytes } from "../../src/base/ids.js";
import { TileTree } from "../../src/protocol/tlog-tile-tree.js";
import { treeRoot } from "../../src/protocol/tlog-tree.js";
import { type Connection, databasePath, openReader, openReaderOf } from "../../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../../src/store/sqlite/log-reader.js";
import { openLaneStore } from "../../src/store/sqlite/open-lane-store.js";
import { openSigningGuard } from "../../src/store/sqlite/signing-guard.js";
import { uuid } from "../support/service.js";
import type { DiskState } from "./recorded-run.js";
import { headOf, type Told } from "./told.js";

const STRANGER = { sequencerId: uuid(), publicKey: new Uint8Array(32) };
/** Without them the service would go on under another identity. */
const KEPT_FILES = ["receipt-signing.key", "checkpoint-signing.key", "sequencer.id"];

/** Returns the entries there are. Throws for whatever was said to be safe and is not, and for a log that is not sound. */
export async function checkState(state: DiskState): Promise<number> {
  const { folder, cutAt, run } = state;
  const { told } = run;
  const entriesMin = run.entriesTold(cutAt);
  if (!existsSync(folder)) {
    assert.equal(entriesMin, 0, "the data folder is gone");
    return 0;
  }
  if (entriesMin > run.entriesBefore) {
    for (const name of KEPT_FILES) {
      const path = join(folder, name);
      assert.ok(existsSync(path) && readFileSync(path).equals(run.kept(name)), `${name} is gone`);
    }
  }
  const nowMs = Date.UTC(2026, 10, 20);
  const { store } = openLaneStore({
    ...{ folder, migrationsFolder: migrationsPath("sqlite"), freshLogId: uuid(), sequencer: STRANGER },
    ...{ rejectionsKeptMax: 100, nowMs },
  });
  await using _open = store;
  await audit(databasePath(folder), entriesMin, state.withSignatures);
  const db = openReader(folder);
  try {
    const frames = readFrames(db);
    const changed = frames.findIndex((frame, offset) => !frame.equals(run.frames[offset]!));
    assert.equal(changed, -1, `entry ${changed} is another one than before the cut`);
    checkRevocations(db, told, cutAt);
    checkCommitments(db, told, cutAt);
    checkTree(folder, told, cutAt);
    checkGuard(join(folder, "..", "guard", "heads.db"), told, cutAt);
    await checkBackup(folder, run.frames, told, cutAt);
    return frames.length;
  } finally {
    db.close();
  }
}

export function readFrames(db: Connection): Buffer[] {
  const reader = new SqliteLogReader(db, 1 << 20);
  const frames: Buffer[] = [];
  for (let next = 0; ; ) {
    const page = reader.page(next, {}, 1024);
    for (const { frame } of page.entries) frames.push(Buffer.from(frame));
    if (page.nextOffset === next) return frames;
    next = page.nextOffset;
  }
}

async function audit(path: string, headMin: number, withSignatures: boolean): Promise<void> {
  const { findings } = await auditLog({ path, withSignatures, threads: 1, headMin, onProgress: () => {} });
  assert.deepEqual(findings, [], "verify-log");
}

function checkRevocations(db: Connection, told: Told, cutAt: number): void {
  const find = db.prepare("SELECT revoked_at_ms FROM agent_keys WHERE agent_id = ?").pluck();
  for (const { agentId, revokedAt } of told.before(cutAt, "revoked")) {
    assert.equal(find.get(uuidToBytes(agentId)), Date.parse(revokedAt), `the revocation of ${agentId}'s key`);
  }
}

function checkCommitments(db: Connection, told: Told, cutAt: number): void {
  const find = db.prepare("SELECT 1 FROM ves_commitments WHERE batch_id = ?").pluck();
  for (const { batchId } of told.before(cutAt, "committed")) {
    assert.equal(find.get(uuidToBytes(batchId as Uuid)), 1, `commitment ${batchId}`);
  }
}

/** Every checkpoint that was served is of the tree that is saved, or of its beginning; its founding file is there. */
function checkTree(folder: string, told: Told, cutAt: number): void {
  const served = told.before(cutAt, "checkpoint").map(({ note }) => headOf(note));
  if (served.length === 0) return;
  const db = openReaderOf(join(folder, "tlog.db"));
  try {
    const find = db.prepare("SELECT hashes FROM tiles WHERE level = ? AND tile = ?").pluck();
    const { size, place } = db.prepare("SELECT size, place FROM trees").get() as { size: number; place: string };
    const tree = new TileTree(size, (level, index) => (find.get(level, index) as Buffer | undefined) ?? null);
    for (const head of served) {
      assert.ok(head.size <= size, `a checkpoint of ${head.size} entries was served, the tree has ${size}`);
      assert.ok(bytesEqual(treeRoot(tree, head.size), head.root), `the root of ${head.size} entries`);
    }
    const founding = readdirSync(folder).find((name) => name.endsWith(".place"));
    assert.ok(
      founding !== undefined && place.endsWith(readFileSync(join(folder, founding), "utf8").trim()),
      "its place",
    );
  } finally {
    db.close();
  }
}

/** It is moved before a checkpoint is signed: what it remembers is never less than what was served. */
function checkGuard(path: string, told: Told, cutAt: number): void {
  const last = told.before(cutAt, "checkpoint").at(-1);
  if (last === undefined) return;
  const { origin, size } = headOf(last.note);
  using guard = openSigningGuard(path);
  const remembered = guard.read(origin)?.size ?? 0;
  assert.ok(remembered >= size, `the guard remembers ${remembered} entries, a checkpoint of ${size} was served`);
}

async function checkBackup(folder: string, frames: readonly Buffer[], told: Told, cutAt: number): Promise<void> {
  const last = told.before(cutAt, "backup").at(-1);
  if (last === undefined) return;
  const path = join(folder, last.file);
  await audit(path, last.entries, false);
  const db = openReaderOf(path);
  try {
    readFrames(db).forEach((frame, offset) => {
      assert.ok(frame.equals(frames[offset]!), `entry ${offset} of the backup`);
    });
  } finally {
    db.close();
  }
}
