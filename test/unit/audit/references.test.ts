import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { References } from "../../../src/audit/references.js";
import { migrationsPath } from "../../../src/base/asset-paths.js";
import type { Uuid } from "../../../src/base/ids.js";
import { openWriter } from "../../../src/store/sqlite/connection.js";
import { openLogIdentity } from "../../../src/store/sqlite/log-identity.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";

const KEPT_MAX = 10_000;

it("keeps rows up to a bound, however many streams and types a log has", () => {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-references-"));
  const db = openWriter(folder);
  migrate(db, migrationsPath("sqlite"), 0);
  openLogIdentity(db, "22222222-2222-4222-8222-222222222222" as Uuid, 0);
  const counted = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n <= ${KEPT_MAX})`;
  db.exec(`${counted} INSERT INTO streams (tenant_id, store_id) SELECT randomblob(16), randomblob(16) FROM c`);
  db.exec(`${counted} INSERT INTO event_types (event_type) SELECT 'type ' || n FROM c`);
  const references = new References(db);
  for (const read of [(ref: number) => references.stream(ref), (ref: number) => references.eventType(ref)]) {
    const first = read(1);
    for (let ref = 2; ref <= KEPT_MAX; ref++) read(ref);
    expect(read(1)).toBe(first);
    read(KEPT_MAX + 1);
    expect(read(1)).not.toBe(first);
    expect(read(1)).toEqual(first);
  }
  db.close();
  rmSync(folder, { recursive: true });
});
