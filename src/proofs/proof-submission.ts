/** A proof submission as its body says it, read and checked member by member, and what crosses to the thread that reads it. */
import type { ErrorCode } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import type { ExactJson, ExactJsonObject } from "../stark/exact-json.js";
import type { ProofKind } from "../store/proof-contract.js";

/** Which members a body has: those of its kind, and its subject's id where the path does not name it. */
export interface SubmissionForm {
  readonly kind: ProofKind;
  readonly namesSubject: boolean;
}

export interface ProofSubmission {
  /** Event or batch id; null where the form names none. */
  readonly subjectId: Uuid | null;
  readonly proofType: string;
  readonly proofVersion: number;
  /** In shared memory: the main thread, its verifier and the lane see the same bytes, and none of them copies 100 KB. */
  readonly proof: Uint8Array;
  /** Of `proof`, see `proofHash`. */
  readonly proofHash: Uint8Array;
  /** Compliance only. */
  readonly policy: { readonly policyId: string; readonly policyParams: ExactJsonObject } | null;
  readonly witnessCommitment: Uint8Array | null;
  /** Validity only. */
  readonly batchInputs: ExactJsonObject | null;
  /** What the submitter takes the public inputs to be; must equal the canonical ones. */
  readonly publicInputs: ExactJson | null;
}

/** What a worker makes of a body. Errors lose their class between threads: a refusal crosses as its parts. */
export type ReadOutcome =
  | { readonly submission: ProofSubmission }
  | { readonly refused: { readonly code: ErrorCode; readonly message: string; readonly pointer: string | null } };
