/**
 * verify-log against a checkpoint that was kept elsewhere: what no receipt covers was changed by somebody who can write to
 * the disk and makes every checksum anew.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Uuid, uuidFromBytes } from "../../src/base/ids.js";
import { ENTRY_KINDS } from "../../src/protocol/entry-kind.js";
import { parseNoteKey } from "../../src/protocol/signed-note.js";
import { type Checkpoint, readCheckpoint } from "../../src/protocol/tlog-checkpoint.js";
import { encodeEntry, frameCheck, receiptHashOf } from "../../src/store/entry-frame.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { packPlaces, unpackPlaces } from "../../src/store/sqlite/place-rows.js";
import { untilCheckpoint } from "../support/checkpoint.js";
import { LegacyClient } from "../support/legacy-client.js";
import { runMain } from "../support/run-main.js";
import { ed25519, startService, type TestService } from "../support/service.js";
import { audit, tamper } from "../support/sound-log.js";

/** More than a range of entries: threads judge the first of them. */
const EVENTS = 2300;
const base = mkdtempSync(join(tmpdir(), "sequencer-checkpoint-"));
let service: TestService;
let key: string;
let note: string;
let checkpoint: Checkpoint;
/** The log as it was before the checkpoint's last entries came. */
const earlier = join(base, "earlier");

beforeAll(async () => {
  service = await startService({ TLOG_CHECKPOINT_INTERVAL_MS: "50", MAX_EVENTS_PER_BATCH: "1000" });
  const [agent, other] = [await service.agent(), await service.agent()];
  for (let made = 0; made < EVENTS - 5; made += 765)
    await agent.ingest(Array.from({ length: 765 }, () => agent.sign({ baseVersion: 0 })));
  await service.process.kill();
  cpSync(service.folder, earlier, { recursive: true });
  await service.startAgain();
  await agent.ingest([agent.sign(), agent.sign()]);
  await other.ingest([other.sign()]);
  const legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
  await legacy.ingest(legacy.events(2));
  ({ key, checkpoint: note } = await untilCheckpoint(service, EVENTS));
  const read = readCheckpoint(note, parseNoteKey(key)!, ed25519);
  if ("fault" in read) throw new Error(read.fault);
  checkpoint = read.checkpoint;
  // Beyond the checkpoint: nothing to it.
  await other.ingest([other.sign()]);
  await service.process.stop();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

/** Folder of a copy on which `sql` was run and the checksums of these entries were made anew. */
function forged(sql: string, offsets: readonly number[], swapped: readonly [number, number] | null = null): string {
  const folder = mkdtempSync(join(base, "forged-"));
  cpSync(service.folder, folder, { recursive: true });
  tamper(folder, sql);
  const db = new Database(databasePath(folder));
  const checks = offsets.map(
    (offset) => `UPDATE entries SET frame_crc32 = ${checkOf(db, offset)} WHERE offset = ${offset}`,
  );
  if (swapped !== null) swapPlaces(db, ...swapped);
  db.close();
  tamper(folder, checks.join(";"));
  return folder;
}

function checkOf(db: Database.Database, offset: number): number {
  // biome-ignore lint/suspicious/noExplicitAny: a row of four tables
  const row: any = db
    .prepare(
      `SELECT * FROM entries e JOIN streams s ON s.ref = e.stream_ref JOIN sequencers q ON q.ref = e.sequencer_ref
        WHERE "offset" = ?`,
    )
    .get(offset);
  const ids = (name: string): Uuid => uuidFromBytes(row[name]);
  const event = {
    ...{ kind: ENTRY_KINDS[row.kind as number]!, eventId: row.event_id, sequenceNumber: row.sequence_number },
    ...{ tenantId: ids("tenant_id"), storeId: ids("store_id"), sequencedAtMs: row.sequenced_at_ms },
    sequencer: { sequencerId: ids("sequencer_id"), publicKey: row.public_key },
    ...{ signingHash: row.signing_hash, receiptSignature: row.receipt_signature, envelope: row.envelope },
  };
  return frameCheck(encodeEntry(offset, event, receiptHashOf(event)).frame);
}

/** What leads to two entries, both of them recent. */
function swapPlaces(db: Database.Database, one: number, two: number): void {
  const rows = db.prepare("SELECT last_offset, places FROM recent_places").raw().all() as [number, Buffer][];
  const places = rows.flatMap(([last, packed]) => [...unpackPlaces(last, packed)]);
  const at = (offset: number) => places.find((place) => place.offset === offset)!;
  const [first, second] = [
    { ...at(one), offset: two },
    { ...at(two), offset: one },
  ];
  const next = places.map((place) => (place.offset === one ? second : place.offset === two ? first : place));
  for (const [last, packed] of rows) {
    const own = [...unpackPlaces(last, packed)].map(({ offset }) => next.find((place) => place.offset === offset)!);
    db.prepare("UPDATE recent_places SET places = ? WHERE last_offset = ?").run(packPlaces(own), last);
  }
}

const LAST = EVENTS - 1;
const swap = (one: number, two: number): string => `UPDATE entries SET offset = 1000000 WHERE offset = ${one};
  UPDATE entries SET offset = ${one} WHERE offset = ${two}; UPDATE entries SET offset = ${two} WHERE offset = 1000000;
  UPDATE entries SET sequenced_at_ms = (SELECT max(sequenced_at_ms) FROM entries) WHERE offset >= ${one}`;
const dropBaseVersion = (offset: number): string => `UPDATE entries
  SET envelope = CAST(replace(CAST(envelope AS TEXT), ',"base_version":0', '') AS BLOB) WHERE offset = ${offset}`;

describe("a log and a checkpoint of it that was kept elsewhere", () => {
  it("is sound as it is, whatever came after the checkpoint", async () => {
    const { findings, entries } = await audit(service.folder, { checkpoint, withSignatures: true });
    expect({ findings, entries }).toEqual({ findings: [], entries: EVENTS + 1 });
  });

  const OTHERS = {
    offset: null,
    message: `its first ${EVENTS} entries are not those that the checkpoint was signed over`,
  };
  const FORGERIES: [name: string, sql: string, offsets: number[], swapped: [number, number] | null][] = [
    ["a time", `UPDATE entries SET sequenced_at_ms = sequenced_at_ms + 1 WHERE offset = ${LAST}`, [LAST], null],
    ["what an event asked for", dropBaseVersion(7), [7], null],
    // A receipt names the number in its stream, nothing names the place in the log.
    ["the order between streams", swap(LAST - 2, LAST - 1), [LAST - 2, LAST - 1, LAST, LAST + 1], [LAST - 2, LAST - 1]],
  ];
  it.each(FORGERIES)(
    "%s changed: no receipt and no checksum tells, the checkpoint does",
    async (_, sql, offsets, swapped) => {
      const folder = forged(sql, offsets, swapped);
      expect((await audit(folder, { withSignatures: true })).findings).toEqual([]);
      expect((await audit(folder, { withSignatures: true, checkpoint })).findings).toEqual([OTHERS]);
    },
  );

  it("has all its entries: an older state of the log is told by its end", async () => {
    const head = { offset: EVENTS - 5, message: `the log ends here; it was known to have ${EVENTS} entries` };
    expect((await audit(earlier, { checkpoint })).findings).toEqual([head]);
  });
});

describe("verify-log --checkpoint", () => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(base, name), text);
    return join(base, name);
  };
  const run = (folder: string, ...more: string[]) => runMain(["verify-log", "--data-dir", folder, ...more]);

  it("says what it holds the log against", async () => {
    const place = file("note", note);
    const { code, stdout } = await run(service.folder, "--checkpoint", place, "--log-key", key);
    expect(code).toBe(0);
    expect(stdout).toContain(`the first ${EVENTS} are what ${checkpoint.origin} signed`);
    const inJson = file("answer.json", JSON.stringify({ checkpoint: note }));
    const answer = await run(service.folder, "--checkpoint", inJson, "--log-key", key, "--no-signatures", "--json");
    expect(JSON.parse(answer.stdout)).toMatchObject({ sound: true, checkpoint: { size: EVENTS } });
    const folder = forged(FIRST_TIME, [0]);
    const found = await run(folder, "--checkpoint", place, "--log-key", key, "--no-signatures");
    expect(found).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("not those that the checkpoint was signed over"),
    });
  });

  it("takes no checkpoint that the key has not signed, and none without a key", async () => {
    const other = key.replace(/\/[0-9]+\+/, "/7+");
    const faults: [args: string[], problem: RegExp][] = [
      [["--checkpoint", file("note", note)], /--checkpoint and --log-key go together/],
      [["--log-key", key], /--checkpoint and --log-key go together/],
      [["--checkpoint", file("note", note), "--log-key", "x"], /--log-key is no checkpoint key/],
      [["--checkpoint", file("note", note), "--log-key", other], /--log-key is no checkpoint key|is not signed by/],
      [["--checkpoint", file("grown", note.replace(`\n${EVENTS}\n`, "\n7\n")), "--log-key", key], /is not signed by/],
      [["--checkpoint", file("text", "nothing"), "--log-key", key], /it is no checkpoint/],
      [["--checkpoint", join(base, "nowhere"), "--log-key", key], /cannot be read: ENOENT/],
    ];
    for (const [args, problem] of faults) {
      expect(await run(service.folder, ...args)).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringMatching(problem),
      });
    }
  });
});

const FIRST_TIME = "UPDATE entries SET sequenced_at_ms = sequenced_at_ms - 1 WHERE offset = 0";
