/**
 * Registration and checking of proofs (PRF-01..09). A submission is compared with the canonical inputs, verified by threads
 * for proofs alone when it is a STARK, and ordered by the lane, which alone decides what is new, the same again, or a conflict.
 */
import { bytesEqual } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import type { Uuid, UuidSource } from "../base/ids.js";
import { judgeRepeat } from "../lane/decide-proof.js";
import type { Lane } from "../lane/lane.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { jsonDigestHex } from "../stark/digest.js";
import { canonicalExactJson, type ExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import { policyHash } from "../stark/policy.js";
import type { ProofFacts, ProofKey, ProofKind, ProofReader, StoredProof } from "../store/proof-contract.js";
import { proofHash } from "../store/proof-hash.js";
import { isStark, STARK_PROOF_VERSION, starkStatement } from "./proof-statement.js";
import type { ProofSubmission, SubmissionForm } from "./proof-submission.js";
import type { ProofPlace, ProofWorkers } from "./proof-workers.js";
import { StoreTurns } from "./store-turns.js";

/** The event or commitment a proof is of. The caller has checked who may see it. */
export interface Subject {
  readonly kind: ProofKind;
  readonly id: Uuid;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** Canonical, of the event under the submission's policy or of the commitment. */
  readonly publicInputs: ExactJsonObject;
}

/** What the stored bytes and rows are worth now. `stark` is null for opaque proofs and where nothing could be verified. */
export interface ProofCheck {
  readonly proofHashMatches: boolean;
  readonly policyHashMatches: boolean;
  readonly canonicalInputs: ExactJsonObject;
  readonly publicInputsMatch: boolean;
  readonly stark: StarkCheck | null;
}

export interface StarkCheck {
  readonly valid: boolean;
  readonly error: string | null;
  readonly timeMs: number | null;
  readonly securityBits: number | null;
}

export interface ProofRegistryOptions {
  readonly reader: ProofReader;
  readonly lane: Pick<Lane, "command" | "ingestIdleMs">;
  /** End with the registry. */
  readonly workers: ProofWorkers;
  readonly verifyOnSubmit: boolean;
  readonly newProofId: UuidSource;
  onSubmitted(kind: ProofKind, isVerified: boolean): void;
}

export class ProofRegistry implements AsyncDisposable {
  readonly #options: ProofRegistryOptions;
  readonly #turns: StoreTurns;

  constructor(options: ProofRegistryOptions) {
    this.#options = options;
    this.#turns = new StoreTurns(() => options.lane.ingestIdleMs);
  }

  get reader(): ProofReader {
    return this.#options.reader;
  }

  /** Proofs being read, verified or stored, or waiting for it. */
  get open(): number {
    return this.#options.workers.open;
  }

  /**
   * Reads `body`, asks `subjectOf` what it is about, and answers after the proof is durable. Rejects with what `subjectOf`
   * rejects with, INVALID_REQUEST_BODY or UNPROCESSABLE_BODY for the body, INVALID_FIELD_VALUE for inputs that are not the
   * canonical ones and for STARKs that do not verify, ALREADY_EXISTS for a conflict, SERVICE_UNAVAILABLE when there is no
   * place, TIMEOUT when it has waited too long. A refused proof is not stored.
   */
  async submit(
    form: SubmissionForm,
    body: Uint8Array,
    subjectOf: (submission: ProofSubmission) => Promise<Subject>,
  ): Promise<StoredProof> {
    const { reader, lane, workers, newProofId, onSubmitted } = this.#options;
    using place = workers.admit(body.length);
    const submission = await workers.read(place, form, body);
    const subject = await subjectOf(submission);
    const unverified = factsOf(subject, submission, newProofId());
    const known = await reader.proofByKey(keyOf(unverified), subject.tenantId);
    if (known !== null) {
      // What is stored never changes: its own repetition needs no second verification.
      const judged = judgeRepeat(known, unverified);
      if ("code" in judged) throw new CodedError(judged.code, judged.message);
      return judged;
    }
    const { proof } = submission;
    const securityBits = await this.#verifySubmission(place, unverified, subject, proof);
    const facts = { ...unverified, securityBits };
    const kind = `submit_${subject.kind}_proof` as const;
    const stored = await this.#turns.run(() => {
      place.checkDeadline();
      return lane.command<StoredProof>({ kind, facts, proof }, { bytes: proof.length });
    });
    if (stored.proofId === facts.proofId) onSubmitted(subject.kind, securityBits !== null);
    return stored;
  }

  /** Judges a stored proof afresh, against inputs rebuilt from the rows it is of. */
  async check(stored: StoredProof, canonicalInputs: ExactJsonObject): Promise<ProofCheck> {
    const proof = await this.#options.reader.proofBytes(stored);
    if (proof === null) throw new CodedError("RESOURCE_NOT_FOUND", "Proof not found");
    const { policy } = stored;
    const params = policy === null ? null : (parseExactJson(policy.policyParams) as ExactJsonObject);
    return {
      proofHashMatches: bytesEqual(proofHash(stored.kind, proof), stored.proofHash),
      policyHashMatches:
        policy === null || params === null || bytesEqual(policyHash(policy.policyId, params), policy.policyHash),
      canonicalInputs,
      publicInputsMatch: canonicalExactJson(canonicalInputs) === stored.publicInputs,
      stark: isStark(stored) ? await this.#checkAgain(stored, canonicalInputs, proof) : null,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.workers[Symbol.asyncDispose]();
  }

  /** Bits of a verified STARK; null where there is nothing to verify or it is switched off. */
  async #verifySubmission(
    place: ProofPlace,
    facts: ProofFacts,
    { publicInputs }: Subject,
    proof: Uint8Array,
  ): Promise<number | null> {
    if (!isStark(facts)) return null;
    if (facts.proofVersion !== STARK_PROOF_VERSION) {
      const versions = `${facts.proofVersion} (expected ${STARK_PROOF_VERSION})`;
      throw invalid(`Unsupported proofVersion ${versions} for STARK proofs`);
    }
    if (facts.kind === "compliance" && facts.witnessCommitment === null) {
      throw invalid("witnessCommitment is required for STARK compliance proofs");
    }
    if (!this.#options.verifyOnSubmit) return null;
    const check = await this.#checkStark(place, facts, publicInputs, proof);
    if (check.valid) return check.securityBits;
    throw invalid(
      `${check.timeMs === null ? "STARK proof verification error" : "Invalid STARK proof"}: ${check.error}`,
    );
  }

  async #checkAgain(stored: StoredProof, canonicalInputs: ExactJsonObject, proof: Uint8Array): Promise<StarkCheck> {
    using place = this.#options.workers.admit(proof.length);
    return await this.#checkStark(place, stored, canonicalInputs, proof);
  }

  async #checkStark(
    place: ProofPlace,
    facts: ProofFacts,
    publicInputs: ExactJsonObject,
    proof: Uint8Array,
  ): Promise<StarkCheck> {
    try {
      const statement = starkStatement(facts, publicInputs);
      const { verdict, workMs } = await this.#options.workers.verify(place, proof, statement);
      return verdict.valid
        ? { valid: true, error: null, timeMs: workMs, securityBits: verdict.securityBits }
        : { valid: false, error: `${verdict.code}: ${verdict.detail}`, timeMs: workMs, securityBits: null };
    } catch (error) {
      if (!(error instanceof ComplianceInputError)) throw error;
      return { valid: false, error: error.message, timeMs: null, securityBits: null };
    }
  }
}

/** SHA-256 of the canonical form, hex. */
export function publicInputsHash(publicInputs: ExactJsonObject): string {
  return jsonDigestHex("", publicInputs);
}

function factsOf(subject: Subject, submission: ProofSubmission, proofId: Uuid): ProofFacts {
  const { kind, id, tenantId, storeId } = subject;
  const publicInputs = canonicalExactJson(subject.publicInputs);
  if (submission.publicInputs !== null && canonicalExactJson(submission.publicInputs) !== publicInputs) {
    const what = kind === "compliance" ? "event and policy" : "batch";
    throw invalid(`publicInputs must match the sequencer's canonical inputs for this ${what}`);
  }
  const { policy, batchInputs, proofType, proofVersion, witnessCommitment } = submission;
  return {
    ...{ kind, subjectId: id, tenantId, storeId, proofId, proofType, proofVersion, witnessCommitment, publicInputs },
    policy:
      policy === null
        ? null
        : {
            policyId: policy.policyId,
            policyParams: canonicalExactJson(policy.policyParams),
            policyHash: policyHash(policy.policyId, policy.policyParams),
          },
    batchInputs: batchInputs === null ? null : canonicalExactJson(batchInputs),
    proofHash: submission.proofHash,
    securityBits: null,
  };
}

function keyOf({ kind, subjectId, proofType, proofVersion, policy }: ProofFacts): ProofKey {
  return { kind, subjectId, proofType, proofVersion, policy };
}

function invalid(message: string): CodedError {
  return new CodedError("INVALID_FIELD_VALUE", message);
}

/** The reason a check came out false, as existing clients know it; null when the proof is valid. */
export function failureReason(check: ProofCheck): string | null {
  if (!check.proofHashMatches) return "proof_hash_mismatch";
  if (!check.policyHashMatches) return "policy_hash_mismatch";
  if (!check.publicInputsMatch) return "public_inputs_mismatch";
  return check.stark === null || check.stark.valid ? null : "stark_invalid";
}
