import type { Uuid } from "../../base/ids.js";
import type { LogHead, LogIdentity, ReceiptSigner } from "../contract.js";
import { assertDurable, type Connection } from "./connection.js";
import { hasColumn } from "./schema-questions.js";
import { StoredSequencers } from "./stored-sequencers.js";

/** Reads the log's identity, or founds the log with the given id. Its write is the one `synchronous` is asserted after. */
export function openLogIdentity(db: Connection, freshLogId: Uuid, nowMs: number): LogIdentity {
  db.prepare("INSERT INTO log (id, log_id, epoch, created_at_ms) VALUES (1, ?, 1, ?) ON CONFLICT DO NOTHING").run(
    freshLogId,
    nowMs,
  );
  assertDurable(db);
  return readLogIdentity(db);
}

/**
 * Begins a new epoch: every cursor and checkpoint of before belongs to another history. Not before the current time in
 * seconds, so that two restores of one backup do not end up in the same epoch.
 */
export function raiseEpoch(db: Connection, nowMs: number): LogIdentity {
  db.prepare("UPDATE log SET epoch = max(epoch + 1, ?) WHERE id = 1").run(Math.floor(nowMs / 1000));
  return readLogIdentity(db);
}

export function readLogIdentity(db: Connection): LogIdentity {
  const row = db.prepare("SELECT log_id, epoch FROM log WHERE id = 1").get() as { log_id: string; epoch: number };
  return { logId: row.log_id as Uuid, epoch: row.epoch };
}

/** How many entries the log has: the offset that the next one gets. */
export function countEntries(db: Connection): number {
  return db.prepare(`SELECT coalesce(max("offset") + 1, 0) FROM entries`).pluck().get() as number;
}

/** When the last entry was sequenced; 0 = there is none. */
export function lastSequencedAtMs(db: Connection): number {
  const last = db.prepare(`SELECT sequenced_at_ms FROM entries ORDER BY "offset" DESC LIMIT 1`).pluck().get();
  return (last as number | undefined) ?? 0;
}

/** Whose receipt the last entry has; null = there is no entry. */
export function lastSigner(db: Connection): ReceiptSigner | null {
  const ref = db.prepare(`SELECT sequencer_ref FROM entries ORDER BY "offset" DESC LIMIT 1`).pluck().get();
  return ref === undefined ? null : new StoredSequencers(db).byRef(ref as number);
}

export function readLogHead(db: Connection): LogHead {
  return { ...readLogIdentity(db), nextOffset: countEntries(db) };
}

/** From this offset on an entry without its checksum is damaged. A log of before that was noted: nothing is known. */
export function readCheckedFrom(db: Connection): number {
  if (!hasColumn(db, "log", "checked_from")) return Number.POSITIVE_INFINITY;
  return db.prepare("SELECT checked_from FROM log WHERE id = 1").pluck().get() as number;
}
