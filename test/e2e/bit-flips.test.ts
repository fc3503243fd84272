/**
 * A damaged disk: random bits, bytes, sectors and lengths of the database and the write-ahead log of a small real log.
 * Everything is noticed by verify-log or changes nothing, and a reader passes on no frame but the original ones.
 * `FLIPS=10000` for the campaign.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AuditReport, auditLog } from "../../src/audit/audit-log.js";
import type { VesEntry } from "../../src/client/answers.js";
import { entryFault } from "../../src/client/verify-entry.js";
import { openReaderOf } from "../../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../../src/store/sqlite/log-reader.js";
import { seededRandom } from "../support/load.js";
import { type MadeLog, makeLog } from "../support/log-maker.js";
import { TEST_SEED } from "../support/seed.js";
import { ed25519 } from "../support/service.js";

const FLIPS = Number(process.env.FLIPS ?? 300);
const EVENTS = 40;

/** So few that some places are merged and some are recent. */
const GENERATION_PLACES = 8;

const base = mkdtempSync(join(tmpdir(), "sequencer-flips-"));
const path = join(base, "damaged", "sequencer.db");
let logs: MadeLog[];
let database: Buffer;
let wal: Buffer;
let original: Reading;

interface Reading {
  readonly identity: string;
  readonly frames: readonly string[];
  /** The reader refused to go on. */
  readonly isCut: boolean;
}

beforeAll(async () => {
  const folder = join(base, "sound");
  mkdirSync(folder);
  mkdirSync(join(base, "damaged"));
  // The first half is in the database, the second still in the write-ahead log.
  const first = await makeLog(folder, EVENTS / 2, 2, () => {}, GENERATION_PLACES);
  const copy = () => {
    database = readFileSync(join(folder, "sequencer.db"));
    wal = readFileSync(join(folder, "sequencer.db-wal"));
  };
  const second = await makeLog(folder, EVENTS / 2, 2, copy, GENERATION_PLACES);
  logs = [first, second];
  write(database, wal);
  original = read();
  expect(original.frames).toHaveLength(EVENTS);
  expect((await audit()).findings).toEqual([]);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

it(`notices ${FLIPS} damages or is not touched by them (seed ${TEST_SEED})`, async () => {
  const random = seededRandom(TEST_SEED);
  const outcomes = { noticed: 0, harmless: 0, otherIdentity: 0, framesRefused: 0 };
  for (let flip = 0; flip < FLIPS; flip++) {
    const isWal = random() < wal.length / (wal.length + database.length);
    const { bytes, what } = damage(isWal ? wal : database, random);
    write(isWal ? database : bytes, isWal ? bytes : wal);
    const report = await audit();
    const reading = read();
    const where = `seed ${TEST_SEED}, damage ${flip}: ${isWal ? "wal" : "database"}, ${what}`;
    for (const frame of reading.frames) {
      if (original.frames.includes(frame)) continue;
      throw new Error(`${where}: served ${isAcceptedByClient(frame) ? "as valid" : "though damaged"}: ${frame}`);
    }
    if (reading.isCut) outcomes.framesRefused += 1;
    if (report.findings.length > 0) outcomes.noticed += 1;
    else {
      if (reading.frames.join() !== original.frames.join())
        throw new Error(`${where}: reads back differently, unnoticed`);
      // Clients of the original log are told: LOG_MISMATCH.
      if (reading.identity === original.identity) outcomes.harmless += 1;
      else outcomes.otherIdentity += 1;
    }
  }
  console.log(`${FLIPS} damages (seed ${TEST_SEED}): ${JSON.stringify(outcomes)}`);
}, 3_600_000);

type Damage = { readonly bytes: Buffer; readonly what: string };

function damage(source: Buffer, random: () => number): Damage {
  const bytes = Buffer.from(source);
  const at = Math.floor(random() * bytes.length);
  const kind = random();
  if (kind < 0.6) {
    const bit = Math.floor(random() * 8);
    bytes[at]! ^= 1 << bit;
    return { bytes, what: `bit ${bit} of byte ${at}` };
  }
  if (kind < 0.75) {
    const length = 1 + Math.floor(random() * 8);
    for (let i = at; i < Math.min(at + length, bytes.length); i++) bytes[i] = Math.floor(random() * 256);
    return { bytes, what: `${length} bytes from ${at}` };
  }
  if (kind < 0.85) {
    const sector = at - (at % 512);
    // A write-ahead log may end within one.
    bytes.fill(0, sector, Math.min(sector + 512, bytes.length));
    return { bytes, what: `sector at ${sector} zeroed` };
  }
  const length = kind < 0.95 ? at : at - (at % 4096);
  return { bytes: bytes.subarray(0, length), what: `cut to ${length} bytes` };
}

function write(databaseBytes: Buffer, walBytes: Buffer): void {
  // New files each time: SQLite shares what it knows of a file between the connections of a process.
  for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name, { force: true });
  writeFileSync(path, databaseBytes);
  writeFileSync(`${path}-wal`, walBytes);
}

/** The head is known from outside, as from any receipt: without it a lost tail would look like a shorter log. */
function audit(): Promise<AuditReport> {
  return auditLog({ path, withSignatures: true, threads: 1, headMin: EVENTS, onProgress: () => {} });
}

/** What a reader of the service passes on. */
function read(): Reading {
  const frames: string[] = [];
  let identity = "";
  try {
    const db = openReaderOf(path);
    try {
      const reader = new SqliteLogReader(db, 1 << 20);
      const { logId, epoch } = reader.head();
      identity = `${logId}/${epoch}`;
      for (let next = 0; ; ) {
        const page = reader.page(next, {}, 16);
        for (const entry of page.entries) frames.push(Buffer.from(entry.frame).toString("latin1"));
        if (page.nextOffset === next) return { identity, frames, isCut: false };
        next = page.nextOffset;
      }
    } finally {
      db.close();
    }
  } catch {
    return { identity, frames, isCut: true };
  }
}

function isAcceptedByClient(frame: string): boolean {
  try {
    const entry = JSON.parse(Buffer.from(frame, "latin1").toString("utf8")) as VesEntry;
    return logs.some(({ sequencerPublicKey, agentKeys }) => {
      const agentPublicKey = agentKeys.get(entry.event.source_agent_id);
      const signer = { publicKey: sequencerPublicKey };
      return agentPublicKey !== undefined && entryFault(entry, signer, { ed25519, agentPublicKey }) === null;
    });
  } catch {
    return false;
  }
}
