-- STARK and opaque proofs of events and of commitments (PRF-*). Append-only. The proof's bytes are the last column, so that
-- lists never read them; at_rest says in which form they are kept: 0 = as submitted, other numbers are for encrypted forms.

CREATE TABLE ves_compliance_proofs (
  ref                INTEGER PRIMARY KEY,
  proof_id           BLOB    NOT NULL UNIQUE CHECK (length(proof_id) = 16),
  stream_ref         INTEGER NOT NULL REFERENCES streams (ref),
  event_id           BLOB    NOT NULL CHECK (length(event_id) = 16),
  proof_type         TEXT    NOT NULL CHECK (length(proof_type) BETWEEN 1 AND 32),
  proof_version      INTEGER NOT NULL CHECK (proof_version BETWEEN 1 AND 4294967295),
  policy_id          TEXT    NOT NULL CHECK (length(policy_id) BETWEEN 1 AND 64),
  policy_params      TEXT    NOT NULL,
  policy_hash        BLOB    NOT NULL CHECK (length(policy_hash) = 32),
  witness_commitment BLOB    CHECK (witness_commitment IS NULL OR length(witness_commitment) = 32),
  public_inputs      TEXT    NOT NULL,
  proof_hash         BLOB    NOT NULL CHECK (length(proof_hash) = 32),
  security_bits      INTEGER,
  submitted_at_ms    INTEGER NOT NULL,
  at_rest            INTEGER NOT NULL DEFAULT 0,
  proof              BLOB    NOT NULL CHECK (length(proof) >= 1),
  UNIQUE (event_id, proof_type, proof_version, policy_hash)
) STRICT;

-- batch_inputs: the public inputs of a batch proof's own statement, which a commitment does not determine.
CREATE TABLE ves_validity_proofs (
  ref             INTEGER PRIMARY KEY,
  proof_id        BLOB    NOT NULL UNIQUE CHECK (length(proof_id) = 16),
  stream_ref      INTEGER NOT NULL REFERENCES streams (ref),
  batch_id        BLOB    NOT NULL CHECK (length(batch_id) = 16),
  proof_type      TEXT    NOT NULL CHECK (length(proof_type) BETWEEN 1 AND 32),
  proof_version   INTEGER NOT NULL CHECK (proof_version BETWEEN 1 AND 4294967295),
  batch_inputs    TEXT,
  public_inputs   TEXT    NOT NULL,
  proof_hash      BLOB    NOT NULL CHECK (length(proof_hash) = 32),
  security_bits   INTEGER,
  submitted_at_ms INTEGER NOT NULL,
  at_rest         INTEGER NOT NULL DEFAULT 0,
  proof           BLOB    NOT NULL CHECK (length(proof) >= 1),
  UNIQUE (batch_id, proof_type, proof_version)
) STRICT;

CREATE TRIGGER ves_compliance_proofs_are_of_their_stream BEFORE INSERT ON ves_compliance_proofs
WHEN NOT EXISTS (SELECT 1 FROM entries WHERE event_id = NEW.event_id AND stream_ref = NEW.stream_ref)
BEGIN SELECT RAISE(ABORT, 'a compliance proof must be of its event''s stream'); END;

CREATE TRIGGER ves_validity_proofs_are_of_their_stream BEFORE INSERT ON ves_validity_proofs
WHEN NOT EXISTS (SELECT 1 FROM ves_commitments WHERE batch_id = NEW.batch_id AND stream_ref = NEW.stream_ref)
BEGIN SELECT RAISE(ABORT, 'a validity proof must be of its commitment''s stream'); END;

CREATE TRIGGER ves_compliance_proofs_are_never_changed BEFORE UPDATE ON ves_compliance_proofs
BEGIN SELECT RAISE(ABORT, 'proofs are append-only'); END;
CREATE TRIGGER ves_compliance_proofs_are_never_deleted BEFORE DELETE ON ves_compliance_proofs
BEGIN SELECT RAISE(ABORT, 'proofs are append-only'); END;
CREATE TRIGGER ves_validity_proofs_are_never_changed BEFORE UPDATE ON ves_validity_proofs
BEGIN SELECT RAISE(ABORT, 'proofs are append-only'); END;
CREATE TRIGGER ves_validity_proofs_are_never_deleted BEFORE DELETE ON ves_validity_proofs
BEGIN SELECT RAISE(ABORT, 'proofs are append-only'); END;
