/**
 * Every stored commitment against the entries it covers, in the snapshot whose entries were all found sound: one chain per
 * stream from number 1, each Merkle root and each state root recomputed. Names the first bad commitment of each stream.
 */
import { bytesEqual } from "../base/bytes.js";
import { GENESIS_STATE_ROOT, verifyCommitmentChain } from "../protocol/commitment.js";
import type { Commitment } from "../store/commitment-contract.js";
import type { Connection } from "../store/sqlite/connection.js";
import { MerkleLeafReader } from "../store/sqlite/merkle-leaf-reader.js";
import { checkChains } from "./committed-streams.js";

const NAME = "commitment";

export function checkCommitments(db: Connection): Iterable<string> {
  return checkChains(db, "ves", NAME, () => {
    const leaves = new MerkleLeafReader(db);
    return (commitments) => chainFault(commitments, leaves);
  });
}

function chainFault(commitments: Iterable<Commitment>, leaves: MerkleLeafReader): string | null {
  let previous: Commitment | null = null;
  for (const commitment of commitments) {
    const { batchId, sequenceStart, sequenceEnd, newStateRoot } = commitment;
    const name = `${NAME} ${batchId} of ${sequenceStart} to ${sequenceEnd}`;
    if (!leaves.hasRoot(commitment)) return `${name}: its Merkle root is not that of its entries`;
    if (bytesEqual(newStateRoot, GENESIS_STATE_ROOT))
      return `${name}: it has no state root; backfill-ves-state-roots computes it`;
    const fault = verifyCommitmentChain([commitment], previous);
    if (fault !== null) return `${name}: ${FAULTS[fault.reason]}`;
    previous = commitment;
  }
  return null;
}

const FAULTS = {
  malformed: "it is malformed",
  other_stream: "it is of another stream than the one before it",
  not_contiguous: "it does not start behind the one before it",
  prev_state_root: "its previous state root is not that of the one before it",
  new_state_root: "its state root does not follow from its facts",
} as const;
