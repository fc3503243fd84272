-- tlog.db: the log's Merkle tree and what was signed of it. Its hashes follow from the entries; the heads do not: they are
-- this folder's memory of what it signed. Only the tlog thread writes here.

-- One tree per origin (log id and epoch). size and root are of the last head that may have been signed.
CREATE TABLE trees (
  ref    INTEGER PRIMARY KEY,
  origin TEXT    NOT NULL UNIQUE,
  size   INTEGER NOT NULL CHECK (size >= 0),
  root   BLOB    NOT NULL CHECK (length(root) = 32),
  -- Where the tree was founded, see tlog-place.ts; empty until then: nothing is signed before.
  place  TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE TRIGGER trees_only_grow BEFORE UPDATE OF size, root ON trees
WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
BEGIN SELECT RAISE(ABORT, 'a tree head never goes back'); END;
CREATE TRIGGER trees_stay_in_place BEFORE UPDATE OF place, origin ON trees
WHEN OLD.place <> '' OR OLD.origin <> NEW.origin
BEGIN SELECT RAISE(ABORT, 'a tree is founded once'); END;
CREATE TRIGGER trees_are_never_deleted BEFORE DELETE ON trees
BEGIN SELECT RAISE(ABORT, 'a signed head is not forgotten'); END;

-- The rightmost tile of each level is partial; every other one holds 256 hashes.
CREATE TABLE tiles (
  tree_ref INTEGER NOT NULL REFERENCES trees (ref),
  level    INTEGER NOT NULL CHECK (level BETWEEN 0 AND 63),
  tile     INTEGER NOT NULL CHECK (tile >= 0),
  hashes   BLOB    NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
  PRIMARY KEY (tree_ref, level, tile)
) STRICT;

CREATE TRIGGER tiles_only_grow BEFORE UPDATE ON tiles
WHEN substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes OR NEW.tree_ref <> OLD.tree_ref
  OR NEW.level <> OLD.level OR NEW.tile <> OLD.tile
BEGIN SELECT RAISE(ABORT, 'a tile only grows'); END;
CREATE TRIGGER tiles_are_never_deleted BEFORE DELETE ON tiles
BEGIN SELECT RAISE(ABORT, 'the tree is append-only'); END;
