/** State roots of legacy commitments, of streams with more entities than a page holds. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import { type Uuid, uuidToBytes } from "../../../src/base/ids.js";
import type { Connection } from "../../../src/store/sqlite/connection.js";
import { LegacyLeafReader } from "../../../src/store/sqlite/legacy-leaf-reader.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";
import { modelLegacyStateRoot } from "../../support/legacy-model.js";
import { sha256 } from "../../support/merkle-model.js";

const STREAM = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
};
const PAGE = 4096;

interface Name {
  readonly entityType: string;
  readonly entityId: string;
}

/** A stream with one event per entity, in this order. */
function fill(db: Connection, names: readonly Name[]): void {
  db.pragma("foreign_keys = OFF");
  migrate(db, migrationsPath("sqlite"), 0);
  db.prepare("INSERT INTO streams (ref, tenant_id, store_id, legacy_head) VALUES (1, ?, ?, ?)").run(
    ...[uuidToBytes(STREAM.tenantId), uuidToBytes(STREAM.storeId), names.length],
  );
  const entity = db.prepare(
    "INSERT INTO entities (ref, stream_ref, entity_type, entity_id, version) VALUES (?, 1, ?, ?, 1)",
  );
  const entry = db.prepare(
    `INSERT INTO entries ("offset", kind, stream_ref, sequence_number, event_id, entity_ref, event_type_ref, sequenced_at_ms,
       sequencer_ref, signing_hash, payload_hash, receipt_signature, envelope)
     VALUES (?, 1, 1, ?, ?, ?, 1, 1000, 1, zeroblob(32), zeroblob(32), zeroblob(64), zeroblob(1))`,
  );
  db.transaction(() => {
    for (const [at, { entityType, entityId }] of names.entries()) {
      entity.run(at + 1, entityType, entityId);
      entry.run(at, at + 1, sha256(`id ${at}`).subarray(0, 16), at + 1);
    }
  })();
  db.exec('INSERT INTO places_by_number SELECT stream_ref, kind, sequence_number, "offset" FROM entries');
}

test.each([1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 7])("of %i entities is of all of them, in their order", (count) => {
  const folder = mkdtempSync(join(tmpdir(), "legacy-leaves-"));
  const db = new Database(join(folder, "test.db"));
  try {
    // The least name first, some of one type and some of others, and none in the order in which they came.
    const names = Array.from({ length: count }, (_, i) =>
      i === 0 ? { entityType: "", entityId: "" } : { entityType: `type ${i % 3}`, entityId: `é ${(i * 7919) % count}` },
    );
    fill(db, names);
    const ended = Math.ceil(count / 2);
    const events = names
      .slice(0, ended)
      .map(({ entityType, entityId }) => ({ entity_type: entityType, entity_id: entityId }));
    const range = { ...STREAM, sequenceStart: 1, sequenceEnd: ended };
    const root = new LegacyLeafReader(db).stateRoot(range);
    expect(Buffer.from(root).toString("hex")).toBe(modelLegacyStateRoot(STREAM, events).toString("hex"));
  } finally {
    db.close();
    rmSync(folder, { recursive: true });
  }
});
