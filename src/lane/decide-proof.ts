/**
 * The rules for registering a proof (PRF-06, PRF-08): once per key, never changed. The same submission again is answered
 * with the stored row, anything else under its key is a conflict that names what differs.
 */
import { bytesEqual } from "../base/bytes.js";
import { proofKey, proofSubjectKey } from "../store/chunk-key.js";
import { PROOFS_PER_SUBJECT_MAX, type ProofFacts, type StoredProof } from "../store/proof-contract.js";
import type { Chunk } from "./chunk.js";
import type { CommandRefusal, LaneCommand } from "./lane-item.js";

/** What a submission under a taken key gets: the stored proof if it says the same. */
export function judgeRepeat(stored: StoredProof, facts: ProofFacts): StoredProof | CommandRefusal {
  if (!bytesEqual(stored.proofHash, facts.proofHash)) return conflict(facts, "conflict");
  if (stored.publicInputs !== facts.publicInputs || stored.batchInputs !== facts.batchInputs) {
    return conflict(facts, "public_inputs_conflict");
  }
  const [ours, theirs] = [stored.witnessCommitment, facts.witnessCommitment];
  const isSame = ours === null || theirs === null ? ours === theirs : bytesEqual(ours, theirs);
  return isSame ? stored : conflict(facts, "witness_commitment_conflict");
}

function conflict(facts: ProofFacts, what: string): CommandRefusal {
  const { kind, subjectId, proofType, proofVersion } = facts;
  const subject = kind === "compliance" ? "event_id" : "batch_id";
  return {
    code: "ALREADY_EXISTS",
    message:
      `invariant violation: ves_${kind}_proof_${what} - proof already exists for ${subject}=${subjectId}, ` +
      `proof_type=${proofType}, proof_version=${proofVersion}`,
  };
}

export function decideProof(
  chunk: Chunk,
  command: Extract<LaneCommand, { kind: "submit_compliance_proof" | "submit_validity_proof" }>,
): StoredProof | CommandRefusal {
  const { state, writes, context } = chunk;
  const { facts, proof } = command;
  const subject = state.proofSubjects.get(proofSubjectKey(facts));
  if (subject === undefined || subject.tenantId !== facts.tenantId || subject.storeId !== facts.storeId) {
    return facts.kind === "compliance"
      ? { code: "EVENT_NOT_FOUND", message: "Event not found" }
      : { code: "BATCH_NOT_FOUND", message: "Commitment not found" };
  }
  const known = state.proofs.get(proofKey(facts));
  if (known !== undefined) return judgeRepeat(known, facts);
  if (subject.proofs >= PROOFS_PER_SUBJECT_MAX) {
    return { code: "QUOTA_EXCEEDED", message: `at most ${PROOFS_PER_SUBJECT_MAX} proofs are kept here` };
  }
  const stored: StoredProof = { ...facts, submittedAtMs: context.nowMs };
  subject.proofs += 1;
  state.proofs.set(proofKey(facts), stored);
  writes.proofs.push({ stored, proof });
  return stored;
}
