/**
 * A stream's chain of commitments, checked offline (spec §9): pure, browser-safe, no trust in the server. Whoever knows one
 * state root of a stream can check everything before it; whoever keeps the newest one notices any later rewriting.
 */
import { bytesEqual } from "../base/bytes.js";
import { parseUuid } from "../base/ids.js";
import { HASH_BYTES, readHash } from "./hash.js";
import { LEAF_COUNT_MAX } from "./merkle.js";
import { type StateRootFields, stateRoot } from "./state-root.js";

/** The facts of a commitment that its state root binds. */
export interface StateCommitment extends StateRootFields {
  /** 32 bytes. */
  readonly newStateRoot: Uint8Array;
}

/** State root before a stream's first commitment. */
export const GENESIS_STATE_ROOT: Uint8Array = new Uint8Array(HASH_BYTES);

/** Why a chain does not hold, and at which commitment. */
export interface ChainFault {
  readonly index: number;
  readonly reason: "malformed" | "other_stream" | "not_contiguous" | "prev_state_root" | "new_state_root";
}

/** True when the state root is the one of these facts. Says nothing about what came before. */
export function verifyCommitment(commitment: StateCommitment): boolean {
  return isWellFormed(commitment) && bytesEqual(stateRoot(commitment), commitment.newStateRoot);
}

/**
 * Checks consecutive commitments of one stream, in order: null when every one follows the one before it. The first must
 * start at 1 from the genesis root, or follow `trusted`, a commitment that was checked earlier.
 */
export function verifyCommitmentChain(
  commitments: readonly StateCommitment[],
  trusted: StateCommitment | null = null,
): ChainFault | null {
  let previous = trusted;
  for (const [index, commitment] of commitments.entries()) {
    const reason = chainFault(commitment, previous);
    if (reason !== null) return { index, reason };
    previous = commitment;
  }
  return null;
}

function chainFault(commitment: StateCommitment, previous: StateCommitment | null): ChainFault["reason"] | null {
  if (!isWellFormed(commitment)) return "malformed";
  const { tenantId, storeId, sequenceStart, prevStateRoot } = commitment;
  if (previous !== null && (previous.tenantId !== tenantId || previous.storeId !== storeId)) return "other_stream";
  if (sequenceStart !== (previous?.sequenceEnd ?? 0) + 1) return "not_contiguous";
  if (!bytesEqual(prevStateRoot, previous?.newStateRoot ?? GENESIS_STATE_ROOT)) return "prev_state_root";
  return bytesEqual(stateRoot(commitment), commitment.newStateRoot) ? null : "new_state_root";
}

function isWellFormed(commitment: StateCommitment): boolean {
  const { tenantId, storeId, sequenceStart, sequenceEnd, merkleRoot, prevStateRoot, newStateRoot } = commitment;
  return (
    parseUuid(tenantId) === tenantId &&
    parseUuid(storeId) === storeId &&
    Number.isSafeInteger(sequenceStart) &&
    Number.isSafeInteger(sequenceEnd) &&
    sequenceStart >= 1 &&
    sequenceEnd >= sequenceStart &&
    sequenceEnd - sequenceStart < LEAF_COUNT_MAX &&
    [merkleRoot, prevStateRoot, newStateRoot].every((hash) => hash.length === HASH_BYTES)
  );
}

/** A commitment as `GET /api/v1/ves/commitments` shows it (hex without prefix); null when a member is missing or odd. */
export function readCommitment(json: Readonly<Record<string, unknown>>): StateCommitment | null {
  const tenantId = typeof json.tenant_id === "string" ? parseUuid(json.tenant_id) : null;
  const storeId = typeof json.store_id === "string" ? parseUuid(json.store_id) : null;
  const merkleRoot = readHash(json.merkle_root);
  const prevStateRoot = readHash(json.prev_state_root);
  const newStateRoot = readHash(json.new_state_root);
  const { sequence_start: sequenceStart, sequence_end: sequenceEnd, leaf_count: leafCount } = json;
  if (tenantId === null || storeId === null) return null;
  if (merkleRoot === null || prevStateRoot === null || newStateRoot === null) return null;
  if (typeof sequenceStart !== "number" || typeof sequenceEnd !== "number") return null;
  const commitment = { tenantId, storeId, sequenceStart, sequenceEnd, merkleRoot, prevStateRoot, newStateRoot };
  return isWellFormed(commitment) && leafCount === sequenceEnd - sequenceStart + 1 ? commitment : null;
}
