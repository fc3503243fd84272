-- Where an entry is found by its event's id and by its number in its stream. Both tables are written behind the log, sorted,
-- thousands of entries at a time: an id is random, and as an index of `entries` it cost each event a page of its own, written
-- twice. Until it is merged an entry's place stands in `recent_places`.

CREATE TABLE IF NOT EXISTS places_by_id (
  event_id BLOB    PRIMARY KEY CHECK (length(event_id) = 16),
  "offset" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS places_by_number (
  stream_ref      INTEGER NOT NULL,
  kind            INTEGER NOT NULL,
  sequence_number INTEGER NOT NULL,
  "offset"        INTEGER NOT NULL,
  PRIMARY KEY (stream_ref, kind, sequence_number)
) STRICT, WITHOUT ROWID;

-- Filled here: src/store/sqlite/fill-places.ts. Nothing reads the two tables before `recent_places` is there.

-- One row per chunk: 32 bytes for each of its entries, the last of which is named. It leaves when all of it is merged.
CREATE TABLE recent_places (
  last_offset INTEGER PRIMARY KEY,
  places      BLOB NOT NULL CHECK (length(places) > 0 AND length(places) % 32 = 0)
) STRICT;

-- A merge that is begun again finds rows of its own, which say the same. Anything else is an id or a number given out twice.
CREATE TRIGGER places_by_id_are_never_changed BEFORE UPDATE ON places_by_id
BEGIN SELECT RAISE(ABORT, 'an event id has one place'); END;
CREATE TRIGGER places_by_id_are_never_deleted BEFORE DELETE ON places_by_id
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER places_by_number_are_never_changed BEFORE UPDATE ON places_by_number
BEGIN SELECT RAISE(ABORT, 'a sequence number has one place'); END;
CREATE TRIGGER places_by_number_are_never_deleted BEFORE DELETE ON places_by_number
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

DROP TRIGGER ves_compliance_proofs_are_of_their_stream;
CREATE TRIGGER ves_compliance_proofs_are_of_their_stream BEFORE INSERT ON ves_compliance_proofs
WHEN NOT EXISTS (
  SELECT 1 FROM places_by_id p JOIN entries e ON e."offset" = p."offset"
   WHERE p.event_id = NEW.event_id AND e.event_id = NEW.event_id AND e.stream_ref = NEW.stream_ref AND e.kind = 0)
BEGIN SELECT RAISE(ABORT, 'a compliance proof must be of its event''s stream'); END;

DROP INDEX entries_by_event_id;
DROP INDEX entries_by_sequence;
