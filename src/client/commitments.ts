/** Commitments and inclusion proofs as the service shows them (wire-api A.7), and the checks that need no trust in it. */
import { fromHex, toHex } from "../base/bytes.js";
import { parseUuid } from "../base/ids.js";
import { signingFieldsOf } from "../protocol/agent-event.js";
import { readCommitment, type StateCommitment, verifyCommitment } from "../protocol/commitment.js";
import { eventSigningHash } from "../protocol/event-signing.js";
import { readMerkleProof, verifyEventInclusion } from "../protocol/merkle-proof.js";
import { listAt, objectOf, textAt, type VesEntry } from "./answers.js";
import type { JsonObject } from "./json-object.js";
import { SequencerError } from "./sequencer-error.js";

/** A commitment whose state root was recomputed from its own facts. */
export interface Commitment extends StateCommitment {
  readonly batchId: string;
  /** RFC 3339. */
  readonly committedAt: string;
  /** On chain for good. Not part of what the state root covers. */
  readonly isAnchored: boolean;
}

/** An event that was shown to be in a commitment. */
export interface ProvenInclusion {
  readonly sequenceNumber: number;
  readonly leafIndex: number;
  /** Siblings bottom first, 32 bytes each. */
  readonly path: readonly Uint8Array[];
  readonly commitment: Commitment;
}

export interface CommitmentRange {
  readonly tenantId: string;
  readonly storeId: string;
  /** Only commitments that cover numbers from here on. */
  readonly sequenceStart?: number;
  /** Only commitments that start at or before this number. */
  readonly sequenceEnd?: number;
  /** Where they are on chain; default "all". */
  readonly status?: "pending" | "submitted" | "anchored" | "all";
  /** Default and most: 1000. */
  readonly limit?: number;
}

export function commitmentQuery(range: CommitmentRange): Record<string, string | number | undefined> {
  return {
    tenant_id: range.tenantId,
    store_id: range.storeId,
    sequence_start: range.sequenceStart,
    sequence_end: range.sequenceEnd,
    status: range.status ?? "all",
    limit: range.limit,
  };
}

/** Throws COMMITMENT_INVALID when the state root does not follow from the commitment's own facts. */
export function readProvenCommitment(answer: unknown): Commitment {
  const body = objectOf(answer);
  const facts = readCommitment(body);
  if (facts === null) throw new SequencerError({ code: "INVALID_RESPONSE", message: "the answer is no commitment" });
  if (!verifyCommitment(facts)) {
    const message = `the state root of commitment ${String(body.batch_id)} is not that of its facts`;
    throw new SequencerError({ code: "COMMITMENT_INVALID", message });
  }
  const isAnchored = body.is_anchored === true;
  return { ...facts, batchId: textAt(body, "batch_id"), committedAt: textAt(body, "committed_at"), isAnchored };
}

/** Throws COMMITMENT_INVALID for another than the one asked for too. */
export function readNamedCommitment(answer: unknown, batchId: string): Commitment {
  const commitment = readProvenCommitment(answer);
  const asked = parseUuid(batchId);
  if (asked !== null && parseUuid(commitment.batchId) === asked) return commitment;
  const message = `commitment ${commitment.batchId} is not the one asked for`;
  throw new SequencerError({ code: "COMMITMENT_INVALID", message });
}

/** Throws COMMITMENT_INVALID for one of another stream too: its state root holds, and says nothing of this one. */
export function readCommitments(answer: unknown, { tenantId, storeId }: CommitmentRange): Commitment[] {
  const commitments = listAt(objectOf(answer), "commitments").map(readProvenCommitment);
  for (const commitment of commitments) {
    if (parseUuid(tenantId) === commitment.tenantId && parseUuid(storeId) === commitment.storeId) continue;
    const message = `commitment ${commitment.batchId} is of another stream than the one asked for`;
    throw new SequencerError({ code: "COMMITMENT_INVALID", message });
  }
  return commitments;
}

/**
 * The proof in `answer` for this entry, recomputed from the entry's own event. Throws PROOF_INVALID when it proves another
 * event, another place or another tree.
 */
export function readProvenInclusion(answer: unknown, entry: VesEntry): ProvenInclusion {
  const body = objectOf(answer);
  const commitment = readProvenCommitment(objectOf(body.commitment));
  const proof = readMerkleProof(body);
  if (proof === null)
    throw new SequencerError({ code: "INVALID_RESPONSE", message: "the answer is no inclusion proof" });
  const fault = inclusionFault(entry, proof, commitment, body);
  if (fault !== null) throw new SequencerError({ code: "PROOF_INVALID", message: fault });
  return { sequenceNumber: proof.sequenceNumber, leafIndex: proof.leafIndex, path: proof.path, commitment };
}

function inclusionFault(
  entry: VesEntry,
  proof: NonNullable<ReturnType<typeof readMerkleProof>>,
  commitment: Commitment,
  body: JsonObject,
): string | null {
  const { event, sequence_number: sequenceNumber } = entry;
  const fields = signingFieldsOf(event);
  const agentSignature = fromHex(event.agent_signature, 64);
  if (fields === null || agentSignature === null) return "the envelope could not have been signed";
  const { tenantId, storeId } = fields;
  if (commitment.tenantId !== tenantId || commitment.storeId !== storeId) return "the commitment is of another stream";
  if (body.batch_id !== commitment.batchId) return "the proof is for another commitment than the one it comes with";
  if (toHex(proof.merkleRoot) !== toHex(commitment.merkleRoot)) return "the proof leads to another root";
  if (proof.sequenceNumber !== sequenceNumber) return "the proof is for another sequence number";
  if (proof.leafIndex !== sequenceNumber - commitment.sequenceStart) return "the proof is for another leaf of the tree";
  const leaf = { tenantId, storeId, sequenceNumber, eventSigningHash: eventSigningHash(fields), agentSignature };
  return verifyEventInclusion(leaf, proof.path, commitment) ? null : "the event is not in the commitment";
}
