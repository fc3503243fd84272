-- The log and what the lane decides with. Only the lane's connection writes here.

-- Which log this is. A restore from backup raises the epoch, so that old cursors are told.
CREATE TABLE log (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  log_id        TEXT    NOT NULL,
  epoch         INTEGER NOT NULL CHECK (epoch >= 1),
  created_at_ms INTEGER NOT NULL
) STRICT;

-- Identities that signed receipts: an old receipt renders the same after the key or the id changed.
CREATE TABLE sequencers (
  ref          INTEGER PRIMARY KEY,
  sequencer_id BLOB NOT NULL CHECK (length(sequencer_id) = 16),
  public_key   BLOB NOT NULL CHECK (length(public_key) = 32),
  UNIQUE (sequencer_id, public_key)
) STRICT;

-- One stream per tenant and store. ves_head is the last VES sequence number given out; the first is 1.
CREATE TABLE streams (
  ref       INTEGER PRIMARY KEY,
  tenant_id BLOB    NOT NULL CHECK (length(tenant_id) = 16),
  store_id  BLOB    NOT NULL CHECK (length(store_id) = 16),
  ves_head  INTEGER NOT NULL DEFAULT 0 CHECK (ves_head >= 0),
  UNIQUE (tenant_id, store_id)
) STRICT;

-- version counts the accepted events of an entity (optimistic concurrency, base_version).
CREATE TABLE entities (
  ref         INTEGER PRIMARY KEY,
  stream_ref  INTEGER NOT NULL REFERENCES streams (ref),
  entity_type TEXT    NOT NULL,
  entity_id   TEXT    NOT NULL,
  version     INTEGER NOT NULL CHECK (version >= 0),
  UNIQUE (stream_ref, entity_type, entity_id)
) STRICT;

CREATE TABLE event_types (
  ref        INTEGER PRIMARY KEY,
  event_type TEXT NOT NULL UNIQUE
) STRICT;

-- The one total order. The integer primary key is the table's own order, so that appending touches the last page only.
CREATE TABLE entries (
  "offset"          INTEGER PRIMARY KEY CHECK ("offset" >= 0),
  kind              INTEGER NOT NULL CHECK (kind = 0),
  stream_ref        INTEGER NOT NULL REFERENCES streams (ref),
  sequence_number   INTEGER NOT NULL CHECK (sequence_number >= 1),
  event_id          BLOB    NOT NULL CHECK (length(event_id) = 16),
  entity_ref        INTEGER NOT NULL REFERENCES entities (ref),
  event_type_ref    INTEGER NOT NULL REFERENCES event_types (ref),
  sequenced_at_ms   INTEGER NOT NULL,
  sequencer_ref     INTEGER NOT NULL REFERENCES sequencers (ref),
  signing_hash      BLOB    NOT NULL CHECK (length(signing_hash) = 32),
  agent_signature   BLOB    NOT NULL CHECK (length(agent_signature) = 64),
  receipt_signature BLOB    NOT NULL CHECK (length(receipt_signature) = 64),
  envelope          BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX entries_by_event_id ON entries (event_id);
CREATE UNIQUE INDEX entries_by_sequence ON entries (stream_ref, sequence_number);
CREATE INDEX entries_by_entity ON entries (entity_ref);
CREATE INDEX entries_by_type ON entries (stream_ref, event_type_ref);

CREATE TRIGGER entries_are_never_updated BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE commands (
  stream_ref INTEGER NOT NULL REFERENCES streams (ref),
  command_id BLOB    NOT NULL CHECK (length(command_id) = 16),
  PRIMARY KEY (stream_ref, command_id)
) STRICT, WITHOUT ROWID;

-- Diagnostics only, bounded by REJECTIONS_KEPT_MAX: the oldest rows go first.
CREATE TABLE ves_rejections (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id       BLOB    NOT NULL,
  tenant_id      BLOB    NOT NULL,
  store_id       BLOB    NOT NULL,
  reason         TEXT    NOT NULL,
  message        TEXT    NOT NULL,
  rejected_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX ves_rejections_by_stream ON ves_rejections (tenant_id, store_id, id);

-- purpose: 1 signing (Ed25519), 2 encryption (X25519). A row is immutable but for its revocation.
CREATE TABLE agent_keys (
  tenant_id     BLOB    NOT NULL CHECK (length(tenant_id) = 16),
  agent_id      BLOB    NOT NULL CHECK (length(agent_id) = 16),
  purpose       INTEGER NOT NULL CHECK (purpose IN (1, 2)),
  key_id        INTEGER NOT NULL CHECK (key_id BETWEEN 0 AND 2147483647),
  public_key    BLOB    NOT NULL CHECK (length(public_key) = 32),
  valid_from_ms INTEGER,
  valid_to_ms   INTEGER,
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER,
  revoke_reason TEXT,
  PRIMARY KEY (tenant_id, agent_id, purpose, key_id),
  CHECK (valid_from_ms IS NULL OR valid_to_ms IS NULL OR valid_from_ms <= valid_to_ms)
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of an API key is kept. store_ids is a JSON array of UUIDs, empty = every store of the tenant.
CREATE TABLE api_keys (
  key_hash      TEXT PRIMARY KEY CHECK (length(key_hash) = 64),
  tenant_id     BLOB    NOT NULL CHECK (length(tenant_id) = 16),
  store_ids     TEXT    NOT NULL CHECK (json_valid(store_ids)),
  agent_id      BLOB    CHECK (agent_id IS NULL OR length(agent_id) = 16),
  can_read      INTEGER NOT NULL CHECK (can_read IN (0, 1)),
  can_write     INTEGER NOT NULL CHECK (can_write IN (0, 1)),
  can_admin     INTEGER NOT NULL CHECK (can_admin IN (0, 1)),
  label         TEXT,
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id);
