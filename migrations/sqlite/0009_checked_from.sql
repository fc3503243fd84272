-- From this offset on every entry has its checksum: one without is damaged. Without it a damaged row that reads as one of before
-- there were checksums would be passed on unchecked.
ALTER TABLE log ADD COLUMN checked_from INTEGER NOT NULL DEFAULT 0;
UPDATE log SET checked_from = coalesce((SELECT max("offset") + 1 FROM entries WHERE frame_crc32 IS NULL), 0);
