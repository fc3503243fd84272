-- CRC-32 of an entry's frame as it was first encoded: what no signature covers (offset, time, sequencer id, command id,
-- base version) is guarded by it against a damaged disk. Null = sequenced before there was one.
ALTER TABLE entries ADD COLUMN frame_crc32 INTEGER;
