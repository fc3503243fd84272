-- Which commitments are on their way to a chain: few of very many, or none. Without it who asks for them has the whole chain of the
-- stream read, and a tenant makes that as long as it likes.
CREATE INDEX ves_commitments_submitted ON ves_commitments (stream_ref, sequence_start) WHERE chain_tx_hash IS NOT NULL;
CREATE INDEX legacy_commitments_submitted ON legacy_commitments (stream_ref, sequence_start) WHERE chain_tx_hash IS NOT NULL;
