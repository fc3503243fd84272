import { toHex } from "../base/bytes.js";
import { paddedLeafCount, treeDepth } from "../protocol/merkle.js";
import type { Commitment } from "../store/commitment-contract.js";

/** The facts of a commitment as they travel (wire-api A.7): snake_case, hex without prefix, times with `Z`. */
export function commitmentView(commitment: Commitment) {
  const leafCount = commitment.sequenceEnd - commitment.sequenceStart + 1;
  return {
    batch_id: commitment.batchId,
    tenant_id: commitment.tenantId,
    store_id: commitment.storeId,
    ves_version: 1,
    tree_depth: treeDepth(leafCount),
    leaf_count: leafCount,
    padded_leaf_count: paddedLeafCount(leafCount),
    merkle_root: toHex(commitment.merkleRoot),
    prev_state_root: toHex(commitment.prevStateRoot),
    new_state_root: toHex(commitment.newStateRoot),
    sequence_start: commitment.sequenceStart,
    sequence_end: commitment.sequenceEnd,
    committed_at: new Date(commitment.committedAtMs).toISOString(),
  };
}

/** As lists show it. */
export function commitmentListView(commitment: Commitment) {
  return { ...commitmentView(commitment), is_anchored: isAnchored(commitment) };
}

/** Everything there is, with where it is on chain. */
export function anchoredCommitmentView(commitment: Commitment) {
  const { anchor } = commitment;
  const anchoredAtMs = anchor?.anchoredAtMs ?? null;
  return {
    ...commitmentView(commitment),
    chain_id: anchor?.chainId ?? null,
    chain_tx_hash: anchor === null ? null : toHex(anchor.txHash),
    chain_block_number: anchor?.blockNumber ?? null,
    anchored_at: anchoredAtMs === null ? null : new Date(anchoredAtMs).toISOString(),
    is_anchored: isAnchored(commitment),
  };
}

/** The chain has it: a transaction alone is no more than a promise. */
function isAnchored({ anchor }: Commitment): boolean {
  return anchor !== null && anchor.anchoredAtMs !== null;
}
