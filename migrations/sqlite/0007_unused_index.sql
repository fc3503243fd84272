-- No query ever used it: a stream's events of one type are found by their numbers. It cost every chunk a page per stream and type.
DROP INDEX entries_by_type;
