/** Legacy commitment routes (COM-06; bodies of wire-api A.6): the legacy events' own numbers, tree and chain. */
import { toHex } from "../base/bytes.js";
import type { Commitment } from "../store/commitment-contract.js";
import type { Route } from "../transport/http.js";
import { type CommitmentRoutesOptions, type CommitmentSurface, commitmentRoutesAt } from "./commitments.js";

const LEGACY: CommitmentSurface = {
  collection: "/api/v1/commitments",
  made: (commitment) => ({ ...identityOf(commitment), ...hexRootsOf(commitment), ...rangeOf(commitment) }),
  listed: (commitment) => ({
    ...identityOf(commitment),
    events_root: toHex(commitment.merkleRoot),
    ...rangeOf(commitment),
    is_anchored: commitment.anchor !== null && commitment.anchor.anchoredAtMs !== null,
  }),
  shown,
};

export function legacyCommitmentRoutes(options: CommitmentRoutesOptions): Route[] {
  return commitmentRoutesAt(LEGACY, options);
}

function identityOf({ batchId, tenantId, storeId }: Commitment) {
  return { batch_id: batchId, tenant_id: tenantId, store_id: storeId };
}

function hexRootsOf({ prevStateRoot, newStateRoot, merkleRoot }: Commitment) {
  return {
    prev_state_root: toHex(prevStateRoot),
    new_state_root: toHex(newStateRoot),
    events_root: toHex(merkleRoot),
  };
}

function rangeOf({ sequenceStart, sequenceEnd, committedAtMs }: Commitment) {
  return {
    event_count: sequenceEnd - sequenceStart + 1,
    sequence_start: sequenceStart,
    sequence_end: sequenceEnd,
    committed_at: new Date(committedAtMs).toISOString(),
  };
}

/** The one place where the original writes hashes as arrays of 32 numbers. */
function shown(commitment: Commitment) {
  const { prevStateRoot, newStateRoot, merkleRoot, sequenceStart, sequenceEnd, anchor } = commitment;
  return {
    ...identityOf(commitment),
    prev_state_root: [...prevStateRoot],
    new_state_root: [...newStateRoot],
    events_root: [...merkleRoot],
    event_count: sequenceEnd - sequenceStart + 1,
    sequence_range: [sequenceStart, sequenceEnd],
    committed_at: new Date(commitment.committedAtMs).toISOString(),
    chain_tx_hash: anchor === null ? null : [...anchor.txHash],
  };
}
