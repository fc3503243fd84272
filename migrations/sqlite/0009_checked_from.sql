-- From this offset on every entry has its checksum: one without is damaged. Without it a damaged row that reads as one of before
-- there were checksums would be passed on unchecked.
ALTER TABLE log ADD COLUMN checked_from INTEGER NOT NULL DEFAULT 0;
-- Entries without one are older than all that have one: where they end is found by halving, not by reading the log.
WITH RECURSIVE search(low, high) AS (
  SELECT 0, coalesce((SELECT max("offset") + 1 FROM entries), 0)
  UNION ALL
  SELECT iif(e."offset" IS NULL, low, e."offset" + 1), iif(e."offset" IS NULL, (low + high) / 2, high)
    FROM search LEFT JOIN entries e ON e."offset" = (low + high) / 2 AND e.frame_crc32 IS NULL
   WHERE low < high
)
UPDATE log SET checked_from = (SELECT low FROM search WHERE low = high);
