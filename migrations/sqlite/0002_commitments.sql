-- Merkle commitments over the streams (COM-*). Append-only: only the anchoring columns are filled in later.

-- Last committed sequence number, kept by the trigger below: which streams have something to commit is one index away.
ALTER TABLE streams ADD COLUMN ves_committed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX streams_uncommitted ON streams (ref) WHERE ves_head > ves_committed;

-- Depth, leaf count and padded count follow from the range. Roots of 32 zero bytes mark rows of older databases whose state
-- roots were never computed: `backfill-ves-state-roots` fills them in, once.
CREATE TABLE ves_commitments (
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

-- No gap, no overlap, no fork: whatever the code above decides, a row joins only the end of its stream's chain.
CREATE TRIGGER ves_commitments_follow_each_other BEFORE INSERT ON ves_commitments
WHEN NEW.sequence_start <> 1 + (SELECT ves_committed FROM streams WHERE ref = NEW.stream_ref)
  OR NEW.sequence_end > (SELECT ves_head FROM streams WHERE ref = NEW.stream_ref)
  OR NEW.prev_state_root <> coalesce(
       (SELECT new_state_root FROM ves_commitments WHERE stream_ref = NEW.stream_ref ORDER BY sequence_start DESC LIMIT 1),
       zeroblob(32))
BEGIN SELECT RAISE(ABORT, 'a commitment must follow the one before it'); END;

CREATE TRIGGER ves_commitments_move_the_stream AFTER INSERT ON ves_commitments
BEGIN UPDATE streams SET ves_committed = NEW.sequence_end WHERE ref = NEW.stream_ref; END;

CREATE TRIGGER ves_commitments_are_never_deleted BEFORE DELETE ON ves_commitments
BEGIN SELECT RAISE(ABORT, 'commitments are append-only'); END;

CREATE TRIGGER ves_commitments_are_never_changed
BEFORE UPDATE OF ref, batch_id, stream_ref, sequence_start, sequence_end, merkle_root, committed_at_ms ON ves_commitments
BEGIN SELECT RAISE(ABORT, 'commitments are append-only'); END;

CREATE TRIGGER ves_commitments_keep_their_state_roots
BEFORE UPDATE OF prev_state_root, new_state_root ON ves_commitments WHEN OLD.new_state_root <> zeroblob(32)
BEGIN SELECT RAISE(ABORT, 'a state root is computed once'); END;
