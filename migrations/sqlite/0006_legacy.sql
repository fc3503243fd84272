-- Legacy events (ING-02): the second kind of entry. SQLite cannot change a CHECK, so the table is written anew once: it takes
-- the time and, until the next VACUUM, the room of one copy of the log.

DROP TRIGGER ves_compliance_proofs_are_of_their_stream;

-- kind: 0 VES event, 1 legacy event. A legacy event has no agent signature that anyone verified: its signing_hash is the hash
-- that its receipt covers and its payload_hash is what its Merkle leaf is made of.
CREATE TABLE entries_of_two_kinds (
  "offset"          INTEGER PRIMARY KEY CHECK ("offset" >= 0),
  kind              INTEGER NOT NULL CHECK (kind IN (0, 1)),
  stream_ref        INTEGER NOT NULL REFERENCES streams (ref),
  sequence_number   INTEGER NOT NULL CHECK (sequence_number >= 1),
  event_id          BLOB    NOT NULL CHECK (length(event_id) = 16),
  entity_ref        INTEGER NOT NULL REFERENCES entities (ref),
  event_type_ref    INTEGER NOT NULL REFERENCES event_types (ref),
  sequenced_at_ms   INTEGER NOT NULL,
  sequencer_ref     INTEGER NOT NULL REFERENCES sequencers (ref),
  signing_hash      BLOB    NOT NULL CHECK (length(signing_hash) = 32),
  agent_signature   BLOB    CHECK (CASE kind WHEN 0 THEN length(agent_signature) IS 64 ELSE agent_signature IS NULL END),
  receipt_signature BLOB    NOT NULL CHECK (length(receipt_signature) = 64),
  envelope          BLOB    NOT NULL,
  frame_crc32       INTEGER,
  payload_hash      BLOB    CHECK (CASE kind WHEN 1 THEN length(payload_hash) IS 32 ELSE payload_hash IS NULL END)
) STRICT;

INSERT INTO entries_of_two_kinds
  SELECT "offset", kind, stream_ref, sequence_number, event_id, entity_ref, event_type_ref, sequenced_at_ms, sequencer_ref,
         signing_hash, agent_signature, receipt_signature, envelope, frame_crc32, NULL
    FROM entries ORDER BY "offset";
DROP TABLE entries;
ALTER TABLE entries_of_two_kinds RENAME TO entries;

-- One id space for both kinds, a number space for each.
CREATE UNIQUE INDEX entries_by_event_id ON entries (event_id);
CREATE UNIQUE INDEX entries_by_sequence ON entries (stream_ref, kind, sequence_number);
CREATE INDEX entries_by_entity ON entries (entity_ref, kind);
CREATE INDEX entries_by_type ON entries (stream_ref, event_type_ref);

CREATE TRIGGER entries_are_never_updated BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TRIGGER ves_compliance_proofs_are_of_their_stream BEFORE INSERT ON ves_compliance_proofs
WHEN NOT EXISTS (SELECT 1 FROM entries WHERE event_id = NEW.event_id AND stream_ref = NEW.stream_ref AND kind = 0)
BEGIN SELECT RAISE(ABORT, 'a compliance proof must be of its event''s stream'); END;

-- Command ids of legacy events are a space of their own.
CREATE TABLE legacy_commands (
  stream_ref INTEGER NOT NULL REFERENCES streams (ref),
  command_id BLOB    NOT NULL CHECK (length(command_id) = 16),
  PRIMARY KEY (stream_ref, command_id)
) STRICT, WITHOUT ROWID;

-- As ves_head and ves_committed, for the legacy events of the stream.
ALTER TABLE streams ADD COLUMN legacy_head INTEGER NOT NULL DEFAULT 0 CHECK (legacy_head >= 0);
ALTER TABLE streams ADD COLUMN legacy_committed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX streams_legacy_uncommitted ON streams (ref) WHERE legacy_head > legacy_committed;

CREATE TABLE legacy_commitments (
  ref                INTEGER PRIMARY KEY,
  batch_id           BLOB    NOT NULL UNIQUE CHECK (length(batch_id) = 16),
  stream_ref         INTEGER NOT NULL REFERENCES streams (ref),
  sequence_start     INTEGER NOT NULL CHECK (sequence_start >= 1),
  sequence_end       INTEGER NOT NULL CHECK (sequence_end BETWEEN sequence_start AND sequence_start + 4294967294),
  merkle_root        BLOB    NOT NULL CHECK (length(merkle_root) = 32),
  prev_state_root    BLOB    NOT NULL CHECK (length(prev_state_root) = 32),
  new_state_root     BLOB    NOT NULL CHECK (length(new_state_root) = 32),
  committed_at_ms    INTEGER NOT NULL,
  chain_id           INTEGER CHECK (chain_id BETWEEN 0 AND 4294967295),
  chain_tx_hash      BLOB    CHECK (chain_tx_hash IS NULL OR length(chain_tx_hash) = 32),
  chain_block_number INTEGER CHECK (chain_block_number >= 0),
  anchored_at_ms     INTEGER CHECK (anchored_at_ms IS NULL OR chain_tx_hash IS NOT NULL),
  UNIQUE (stream_ref, sequence_start)
) STRICT;

CREATE TRIGGER legacy_commitments_follow_each_other BEFORE INSERT ON legacy_commitments
WHEN NEW.sequence_start <> 1 + (SELECT legacy_committed FROM streams WHERE ref = NEW.stream_ref)
  OR NEW.sequence_end > (SELECT legacy_head FROM streams WHERE ref = NEW.stream_ref)
  OR NEW.prev_state_root <> coalesce(
       (SELECT new_state_root FROM legacy_commitments WHERE stream_ref = NEW.stream_ref ORDER BY sequence_start DESC LIMIT 1),
       zeroblob(32))
BEGIN SELECT RAISE(ABORT, 'a commitment must follow the one before it'); END;

CREATE TRIGGER legacy_commitments_move_the_stream AFTER INSERT ON legacy_commitments
BEGIN UPDATE streams SET legacy_committed = NEW.sequence_end WHERE ref = NEW.stream_ref; END;

CREATE TRIGGER legacy_commitments_are_never_deleted BEFORE DELETE ON legacy_commitments
BEGIN SELECT RAISE(ABORT, 'commitments are append-only'); END;

CREATE TRIGGER legacy_commitments_are_never_changed
BEFORE UPDATE OF ref, batch_id, stream_ref, sequence_start, sequence_end, merkle_root, prev_state_root, new_state_root,
  committed_at_ms ON legacy_commitments
BEGIN SELECT RAISE(ABORT, 'commitments are append-only'); END;
