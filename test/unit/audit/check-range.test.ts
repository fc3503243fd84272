/**
 * Signatures of entries that were read together are checked together. The finding, and the columns before it, are those of
 * an audit that takes one entry after the other.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type CheckedRange, RangeChecker } from "../../../src/audit/check-range.js";
import type { SignatureCheck } from "../../../src/protocol/ed25519.js";
import { databasePath, openReaderOf } from "../../../src/store/sqlite/connection.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { makeLog } from "../../support/log-maker.js";

/** More than are read together. */
const EVENTS = 200;

const ed25519 = selectEd25519();
const base = mkdtempSync(join(tmpdir(), "sequencer-range-"));
const sound = join(base, "sound");

beforeAll(async () => {
  mkdirSync(sound);
  await makeLog(sound, EVENTS, 3);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** What makes each fault, at an offset; `EVENT`: the agent's signature, in its column and in the envelope alike. */
const RECEIPT = (offset: number) => `UPDATE entries SET receipt_signature = randomblob(64) WHERE offset = ${offset}`;
const CHECKSUM = (offset: number) => `UPDATE entries SET frame_crc32 = NULL WHERE offset = ${offset}`;
const PAYLOAD = (offset: number) =>
  `UPDATE entries SET envelope = CAST(replace(CAST(envelope AS TEXT), 'EUR', 'USD') AS BLOB) WHERE offset = ${offset}`;
const GONE = (offset: number) => `DELETE FROM entries WHERE offset = ${offset}`;
const UNREADABLE = (offset: number) => `UPDATE entries SET entity_ref = 99999 WHERE offset = ${offset}`;
const EVENT = (offset: number) =>
  `UPDATE entries SET agent_signature = zeroblob(64), envelope = CAST(replace(CAST(envelope AS TEXT),
     lower(hex(agent_signature)), '${"0".repeat(128)}') AS BLOB) WHERE offset = ${offset}`;

it.each<[name: string, faults: string[], offset: number, message: string]>([
  ["a receipt", [RECEIPT(40)], 40, "the receipt's signature"],
  ["an event", [EVENT(40)], 40, "the agent's signature"],
  ["the first entry", [RECEIPT(0)], 0, "the receipt's signature"],
  ["the last entry read together with the first", [RECEIPT(127)], 127, "the receipt's signature"],
  ["the first entry behind those", [EVENT(128)], 128, "the agent's signature"],
  ["the last entry", [EVENT(199)], 199, "the agent's signature"],
  ["both signatures of an entry", [EVENT(40), RECEIPT(40)], 40, "the agent's signature"],
  ["two entries", [EVENT(41), RECEIPT(40)], 40, "the receipt's signature"],
  ["a receipt before a payload", [RECEIPT(40), PAYLOAD(50)], 40, "the receipt's signature"],
  ["a payload before a receipt", [RECEIPT(50), PAYLOAD(40)], 40, "the payload does not match"],
  ["a receipt before an entry that is gone", [RECEIPT(40), GONE(50)], 40, "the receipt's signature"],
  ["an entry gone before a receipt", [RECEIPT(50), GONE(40)], 40, "there is no entry at this offset"],
  ["an event before a row that cannot be read", [EVENT(40), UNREADABLE(50)], 40, "the agent's signature"],
  ["a row that cannot be read before an event", [EVENT(50), UNREADABLE(40)], 40, "its entity is not stored"],
  ["a receipt and its checksum", [RECEIPT(40), CHECKSUM(40)], 40, "the receipt's signature"],
  ["a checksum before a receipt", [RECEIPT(41), CHECKSUM(40)], 40, "its checksum is gone"],
  ["an event and its payload", [EVENT(40), PAYLOAD(40)], 40, "the payload does not match"],
])("a fault of %s is found where it is, and nothing behind it counts", (_name, faults, offset, message) => {
  const folder = mkdtempSync(join(base, "damaged-"));
  cpSync(sound, folder, { recursive: true });
  damage(folder, faults);
  const found = check(folder, 0, EVENTS);
  expect(found.finding).toEqual({ offset, message: expect.stringContaining(message) });
  expect({ ...found, to: offset, finding: null }).toEqual(check(sound, 0, offset));
  // Read alone, it says the same: it was not found in another's place.
  expect(check(folder, offset, offset + 1).finding).toEqual({ offset, message: expect.stringContaining(message) });
});

it("asks for the signatures of entries that were read together at once", () => {
  const asked: number[] = [];
  const verifyAll = (checks: readonly SignatureCheck[]) => {
    asked.push(checks.length);
    return ed25519.verifyAll(checks);
  };
  expect(check(sound, 0, EVENTS, { ...ed25519, verifyAll }).finding).toBeNull();
  expect(asked).toEqual([128 * 2, (EVENTS - 128) * 2]);
});

it("asks for none when signatures are not to be checked", () => {
  const folder = mkdtempSync(join(base, "unsigned-"));
  cpSync(sound, folder, { recursive: true });
  // The checksum of a frame covers its receipt: only the agent's signature can be wrong without one.
  damage(folder, ["UPDATE agent_keys SET public_key = randomblob(32)"]);
  expect(check(folder, 0, EVENTS, null).finding).toBeNull();
  expect(check(folder, 0, EVENTS).finding?.offset).toBe(0);
});

function check(folder: string, from: number, to: number, verifier: typeof ed25519 | null = ed25519): CheckedRange {
  const db = openReaderOf(databasePath(folder));
  try {
    return new RangeChecker(db, verifier).check({ from, to });
  } finally {
    db.close();
  }
}

/** Behind the back of the triggers that guard the rows. */
function damage(folder: string, statements: readonly string[]): void {
  const db = new Database(databasePath(folder));
  const triggers = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all() as string[];
  db.pragma("foreign_keys = OFF");
  for (const name of triggers) db.exec(`DROP TRIGGER ${name}`);
  for (const sql of statements) db.exec(sql);
  db.close();
}
