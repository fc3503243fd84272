import type { Statement } from "better-sqlite3";
import type { EntryKind } from "../../protocol/entry-kind.js";
import type { Connection } from "./connection.js";

/** The lane's prepared statements. Every value is a parameter. */
export interface LaneStatements {
  readonly begin: Statement;
  readonly commit: Statement;
  readonly rollback: Statement;
  /** This and the next two give arrays, made at half the cost of objects. */
  readonly lastEntry: Statement;
  readonly stream: Statement;
  readonly entity: Statement;
  readonly event: Statement;
  readonly command: Readonly<Record<EntryKind, Statement>>;
  readonly agentKey: Statement;
  readonly highestKeyId: Statement;
  readonly apiKey: Statement;
  readonly sequencerRef: Statement;
  readonly eventType: Statement;
  readonly insertSequencer: Statement;
  readonly insertStream: Statement;
  readonly updateStream: Statement;
  readonly insertEntity: Statement;
  readonly updateEntity: Statement;
  readonly insertEventType: Statement;
  readonly insertEntry: Statement;
  readonly insertCommand: Readonly<Record<EntryKind, Statement>>;
  readonly insertRejection: Statement;
  readonly pruneRejections: Statement;
  readonly insertAgentKey: Statement;
  readonly revokeAgentKey: Statement;
  readonly insertApiKey: Statement;
  readonly revokeApiKey: Statement;
}

export function prepareLaneStatements(db: Connection): LaneStatements {
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    rollback: db.prepare("ROLLBACK"),
    lastEntry: db.prepare(`SELECT "offset", sequenced_at_ms FROM entries ORDER BY "offset" DESC LIMIT 1`).raw(),
    stream: db.prepare("SELECT ref, ves_head, legacy_head FROM streams WHERE tenant_id = ? AND store_id = ?").raw(),
    event: db.prepare(
      `SELECT e.event_id, e.kind, s.tenant_id, s.store_id, e.sequence_number, e.sequenced_at_ms, e.sequencer_ref, e.signing_hash,
              e.receipt_signature, e.envelope
         FROM entries e JOIN streams s ON s.ref = e.stream_ref WHERE e."offset" = ?`,
    ),
    entity: db
      .prepare("SELECT ref, version FROM entities WHERE stream_ref = ? AND entity_type = ? AND entity_id = ?")
      .raw(),
    command: {
      ves_event: db.prepare("SELECT 1 FROM commands WHERE stream_ref = ? AND command_id = ?"),
      event: db.prepare("SELECT 1 FROM legacy_commands WHERE stream_ref = ? AND command_id = ?"),
    },
    agentKey: db.prepare(
      "SELECT * FROM agent_keys WHERE tenant_id = ? AND agent_id = ? AND purpose = ? AND key_id = ?",
    ),
    highestKeyId: db
      .prepare("SELECT max(key_id) FROM agent_keys WHERE tenant_id = ? AND agent_id = ? AND purpose = ?")
      .pluck(),
    apiKey: db.prepare("SELECT * FROM api_keys WHERE key_hash = ?"),
    sequencerRef: db.prepare("SELECT ref FROM sequencers WHERE sequencer_id = ? AND public_key = ?"),
    eventType: db.prepare("SELECT ref FROM event_types WHERE event_type = ?").pluck(),
    insertSequencer: db.prepare(
      "INSERT INTO sequencers (sequencer_id, public_key) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    insertStream: db.prepare("INSERT INTO streams (tenant_id, store_id, ves_head, legacy_head) VALUES (?, ?, ?, ?)"),
    updateStream: db.prepare("UPDATE streams SET ves_head = ?, legacy_head = ? WHERE ref = ?"),
    insertEntity: db.prepare("INSERT INTO entities (stream_ref, entity_type, entity_id, version) VALUES (?, ?, ?, ?)"),
    updateEntity: db.prepare("UPDATE entities SET version = ? WHERE ref = ?"),
    insertEventType: db.prepare("INSERT INTO event_types (event_type) VALUES (?)"),
    insertEntry: db.prepare(
      `INSERT INTO entries ("offset", kind, stream_ref, sequence_number, event_id, entity_ref, event_type_ref,
         sequenced_at_ms, sequencer_ref, signing_hash, agent_signature, receipt_signature, envelope, frame_crc32,
         payload_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertCommand: {
      ves_event: db.prepare("INSERT INTO commands (stream_ref, command_id) VALUES (?, ?)"),
      event: db.prepare("INSERT INTO legacy_commands (stream_ref, command_id) VALUES (?, ?)"),
    },
    insertRejection: db.prepare(
      "INSERT INTO ves_rejections (event_id, tenant_id, store_id, reason, message, rejected_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    pruneRejections: db.prepare("DELETE FROM ves_rejections WHERE id <= ?"),
    insertAgentKey: db.prepare("INSERT INTO agent_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)"),
    revokeAgentKey: db.prepare(
      `UPDATE agent_keys SET revoked_at_ms = ?, revoke_reason = ?
        WHERE tenant_id = ? AND agent_id = ? AND purpose = ? AND key_id = ? AND revoked_at_ms IS NULL`,
    ),
    insertApiKey: db.prepare("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"),
    revokeApiKey: db.prepare("UPDATE api_keys SET revoked_at_ms = ? WHERE key_hash = ? AND revoked_at_ms IS NULL"),
  };
}
