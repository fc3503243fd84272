/** What verify-log says of a log that was changed where nobody should be able to. */
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policyHash } from "../../src/stark/policy.js";
import { proofHash } from "../../src/store/proof-hash.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { audit, SoundLog } from "../support/sound-log.js";

let sound: SoundLog;
beforeAll(async () => {
  sound = await SoundLog.make();
});
afterAll(() => sound[Symbol.dispose]());

const SWAP = `UPDATE entries SET offset = 1000000 WHERE offset = 30;
  UPDATE entries SET offset = 30 WHERE offset = 31; UPDATE entries SET offset = 31 WHERE offset = 1000000`;

describe("verify-log", () => {
  /** What is done to the rows behind the triggers' back; where and what verify-log must say. */
  const TAMPERING: [name: string, sql: string, offset: number | null, message: RegExp][] = [
    ["a time", "UPDATE entries SET sequenced_at_ms = sequenced_at_ms + 1 WHERE offset = 599", 599, /checksum/],
    ["time running back", "UPDATE entries SET sequenced_at_ms = 5 WHERE offset = 77", 77, /checksum/],
    ["a sequence number", "UPDATE entries SET sequence_number = 99999 WHERE offset = 10", 10, /receipt's signature/],
    ["an event id", "UPDATE entries SET event_id = randomblob(16) WHERE offset = 12", 12, /event_id is not/],
    ["a signing hash", "UPDATE entries SET signing_hash = randomblob(32) WHERE offset = 13", 13, /signing_hash is not/],
    [
      "an agent signature",
      "UPDATE entries SET agent_signature = randomblob(64) WHERE offset = 14",
      14,
      /agent_signature is/,
    ],
    ["a receipt", "UPDATE entries SET receipt_signature = randomblob(64) WHERE offset = 15", 15, /receipt's signature/],
    ["an entity", "UPDATE entries SET entity_ref = entity_ref + 1 WHERE offset = 16", 16, /entity/],
    [
      "an entity gone",
      "DELETE FROM entities WHERE ref = (SELECT entity_ref FROM entries WHERE offset = 200)",
      200,
      /entity is not stored/,
    ],
    ["an entity's name", "UPDATE entities SET entity_id = 'x' WHERE ref = 201", 200, /entity is not the envelope's/],
    ["a type of entity", "UPDATE entities SET entity_type = 'x' WHERE ref = 201", 200, /entity is not the envelope's/],
    [
      "a byte too many",
      "UPDATE entries SET envelope = CAST(envelope || X'20' AS BLOB) WHERE offset = 202",
      202,
      /something follows/,
    ],
    ["no envelope", "UPDATE entries SET envelope = X'' WHERE offset = 203", 203, /canonical/],
    ["an event type", "UPDATE entries SET event_type_ref = event_type_ref % 5 + 1 WHERE offset = 17", 17, /event type/],
    ["a payload", sqlReplace("EUR", "USD", 18), 18, /payload does not match its hash/],
    [
      "a base version",
      sqlReplace('"base_version":', '"base_version":1', 0),
      0,
      /base_version|asks for entity version|checksum/,
    ],
    ["white space", sqlReplace('"payload":{', '"payload": {', 19), 19, /canonical/],
    ["a missing entry", "DELETE FROM entries WHERE offset = 20", 20, /no entry at this offset/],
    ["a missing first entry", "DELETE FROM entries WHERE offset = 0", 0, /no entry at this offset/],
    ["two entries swapped", SWAP, 30, /./],
    ["a checksum gone", "UPDATE entries SET frame_crc32 = NULL WHERE offset = 21", 21, /its checksum is gone/],
    ["an agent's key", "UPDATE agent_keys SET public_key = randomblob(32)", 0, /agent's signature/],
    ["a key gone", "DELETE FROM agent_keys", 0, /agent key is not stored/],
    ["the sequencer's key", "UPDATE sequencers SET public_key = randomblob(32)", 0, /receipt's signature/],
    ["the sequencer's id", "UPDATE sequencers SET sequencer_id = randomblob(16)", 0, /checksum/],
    ["a stream's head", "UPDATE streams SET ves_head = ves_head + 1 WHERE ref = 1", null, /stream 1 says its head/],
    [
      "a stream too many",
      "INSERT INTO streams (ref, tenant_id, store_id, ves_head) VALUES (99, randomblob(16), randomblob(16), 3)",
      null,
      /stream 99/,
    ],
    ["an entity's version", "UPDATE entities SET version = version - 1 WHERE ref = 3", null, /entity 3 says/],
    ["the commands gone", "DELETE FROM commands", 0, /command id is not stored/],
    ["a command too many", "INSERT INTO commands VALUES (1, randomblob(16))", null, /command ids are stored/],
    ["a column's name", "ALTER TABLE api_keys RENAME COLUMN label TO title", null, /api_keys is not what/],
    ["an index gone", "DROP INDEX entries_by_entity", null, /entries_by_entity is not what/],
    [
      "a trigger too many",
      "CREATE TRIGGER t AFTER INSERT ON entries BEGIN UPDATE streams SET ves_head = 0; END",
      null,
      /^t is not what the migrations make it/,
    ],
    [
      "an id that leads nowhere",
      "DELETE FROM places_by_id WHERE offset = 100",
      100,
      /event id is neither in places_by_id/,
    ],
    [
      "an id that leads elsewhere",
      "UPDATE places_by_id SET offset = 7 WHERE offset = 100",
      100,
      /id leads to offset 7/,
    ],
    [
      "a number that leads nowhere",
      "DELETE FROM places_by_number WHERE offset = 100",
      100,
      /number is neither in places_by_number/,
    ],
    [
      "a number that leads elsewhere",
      "UPDATE places_by_number SET offset = 7 WHERE offset = 100",
      100,
      /number leads to offset 7/,
    ],
    [
      "an id that leads elsewhere though it is recent",
      "UPDATE places_by_id SET offset = 7 WHERE offset = 510",
      510,
      /id leads to offset 7 in places_by_id/,
    ],
    [
      "an id too many",
      "INSERT INTO places_by_id VALUES (randomblob(16), 100)",
      null,
      /places_by_id has 513 rows, of which 512/,
    ],
    [
      "a number too many",
      "INSERT INTO places_by_number VALUES (1, 0, 99999, 100)",
      null,
      /places_by_number has 513 rows, of which 512/,
    ],
    [
      "a kind that has no entries",
      "INSERT INTO places_by_number SELECT stream_ref, 1, sequence_number, offset FROM places_by_number WHERE offset = 9",
      null,
      /places_by_number has 513 rows/,
    ],
    ["no recent places", "DELETE FROM recent_places", 512, /event id is neither in places_by_id nor in recent_places/],
    ["recent places of nothing", "UPDATE recent_places SET places = zeroblob(3200)", 500, /event id is another one/],
    [
      "a recent number",
      "UPDATE recent_places SET places = CAST(substr(places, 1, 3199) || X'11' AS BLOB)",
      599,
      /its number is .* in recent_places/,
    ],
    [
      "a recent stream",
      "UPDATE recent_places SET places = CAST(substr(places, 1, 19) || X'99' || substr(places, 21) AS BLOB)",
      500,
      /of kind 0 in stream 153 in recent_places/,
    ],
    [
      "recent places that end early",
      "UPDATE recent_places SET last_offset = 589, places = substr(places, 1, 2880)",
      590,
      /not in recent_places/,
    ],
    [
      "recent places with a hole",
      `INSERT INTO recent_places SELECT 519, substr(places, 1, 640) FROM recent_places;
       UPDATE recent_places SET places = substr(places, 673) WHERE last_offset = 599`,
      520,
      /row 599 of recent_places begins at offset 521, the one before it ends before 520/,
    ],
    [
      "recent places said twice",
      "INSERT INTO recent_places SELECT 519, substr(places, 1, 640) FROM recent_places",
      520,
      /row 599 of recent_places begins at offset 500, the one before it ends before 520/,
    ],
    [
      "recent places beyond the end",
      "INSERT INTO recent_places SELECT 600, substr(places, 1, 32) FROM recent_places",
      null,
      /recent_places has offset 600, where there is no entry/,
    ],
    [
      "a log that claims to be from before there were checksums",
      "UPDATE log SET checked_from = 300",
      0,
      /it has a checksum; the log says they begin at offset 300/,
    ],
    [
      "a log whose checksums nobody would miss",
      "UPDATE log SET checked_from = 601; UPDATE entries SET frame_crc32 = NULL",
      null,
      /checksums begin at offset 601, it ends before 600/,
    ],
    ["a migration gone", "DELETE FROM schema_migrations WHERE version = 4", null, /0004_frame_check.sql is not noted/],
    [
      "a migration changed",
      "UPDATE schema_migrations SET sha256 = 'x' WHERE version = 1",
      null,
      /0001_core.sql is not/,
    ],
    [
      "a log of a newer version",
      "INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', 'x', 0)",
      null,
      /migration 9999 was applied, which this build does not know/,
    ],
    [
      "a commitment of no stream",
      `INSERT INTO ves_commitments
         (batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root, new_state_root, committed_at_ms)
         VALUES (randomblob(16), 999, 1, 5, randomblob(32), zeroblob(32), randomblob(32), 5)`,
      null,
      /row 1 of ves_commitments points at a row of streams that is not stored/,
    ],
    ["a proof of no event", proofOf("randomblob(16)"), null, /compliance proof .*: its event is not in its stream/],
    [
      "a proof of an event of another stream",
      proofOf("(SELECT event_id FROM entries WHERE stream_ref <> 1 LIMIT 1)"),
      null,
      /compliance proof .*: its event is not in its stream/,
    ],
    [
      "a proof whose bytes changed",
      proofOf("(SELECT event_id FROM entries WHERE stream_ref = 1 AND offset < 500 LIMIT 1)"),
      null,
      /compliance proof .*: its bytes do not match their hash/,
    ],
    ["the log's id", "UPDATE log SET log_id = 'x'", null, /no UUID/],
  ];

  it.each(TAMPERING)("names %s", async (_, sql, offset, message) => {
    const [first] = (await audit(sound.tampered(sql), { withSignatures: true })).findings;
    expect(first?.message).toMatch(message);
    expect(first?.offset).toBe(offset);
  });
});

describe("a registered proof", () => {
  const [bytes, params] = [Buffer.of(1, 2, 3), { cap: 5n }];
  const eventOf = "SELECT event_id FROM entries WHERE stream_ref = 1 AND offset < 500 LIMIT 1";
  const registered = `${proofOf(`(${eventOf})`)}; UPDATE ves_compliance_proofs SET proof = ${blob(bytes)},
    proof_hash = ${blob(proofHash("compliance", bytes))}, policy_params = '{"cap":5}', policy_hash = ${blob(policyHash("p", params))}`;
  const changes: [name: string, sql: string, message: RegExp | null][] = [
    ["is sound as it came", "", null],
    ["is named when its bytes changed", "SET proof = X'010204'", /its bytes do not match their hash/],
    ["is named when its policy changed", "SET policy_params = '{\"cap\":6}'", /its policy does not match its hash/],
    ["is named when its policy is no JSON", "SET policy_params = '{'", /its policy does not match its hash/],
    ["is named in a form nobody knows", "SET at_rest = 7", /kept in form 7/],
  ];
  it.each(changes)("%s", async (_, change, message) => {
    const update = change === "" ? "" : `UPDATE ves_compliance_proofs ${change}`;
    const { findings } = await audit(sound.tampered(`${registered}; ${update}`));
    if (message === null) expect(findings).toEqual([]);
    else expect(findings).toEqual([{ offset: null, message: expect.stringMatching(message) }]);
  });
});

/** What is not there says so too, though nothing that it guards was changed. */
describe("the log's guards", () => {
  const openCopy = (): [folder: string, db: Database.Database] => {
    const folder = sound.copy();
    return [folder, new Database(databasePath(folder))];
  };
  it.each([
    "entries_are_never_updated",
    "places_by_id_are_never_changed",
    "places_by_id_are_never_deleted",
    "places_by_number_are_never_changed",
    "places_by_number_are_never_deleted",
    "ves_compliance_proofs_are_of_their_stream",
  ])("are missed: %s", async (trigger) => {
    const [folder, db] = openCopy();
    db.exec(`DROP TRIGGER ${trigger}`).close();
    expect((await audit(folder)).findings).toEqual([
      { offset: null, message: `${trigger} is not what the migrations make it` },
    ]);
  });

  it("let nobody change or delete a place that is merged", () => {
    const [, guarded] = openCopy();
    for (const table of ["places_by_id", "places_by_number"]) {
      expect(() => guarded.exec(`UPDATE ${table} SET offset = 7 WHERE offset = 100`)).toThrow("has one place");
      expect(() => guarded.exec(`DELETE FROM ${table} WHERE offset = 100`)).toThrow("append-only");
    }
    guarded.close();
  });
});

function blob(bytes: Uint8Array): string {
  return `X'${Buffer.from(bytes).toString("hex")}'`;
}

function proofOf(eventId: string): string {
  return `INSERT INTO ves_compliance_proofs (proof_id, stream_ref, event_id, proof_type, proof_version, policy_id,
      policy_params, policy_hash, public_inputs, proof_hash, submitted_at_ms, proof)
    VALUES (randomblob(16), 1, ${eventId}, 'opaque', 1, 'p', '{}', randomblob(32), '{}', randomblob(32), 1, X'00')`;
}

function sqlReplace(from: string, to: string, offset: number): string {
  return `UPDATE entries SET envelope = CAST(replace(CAST(envelope AS TEXT), '${from}', '${to}') AS BLOB) WHERE offset = ${offset}`;
}
