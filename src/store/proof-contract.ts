import type { Uuid } from "../base/ids.js";
import type { ReadingTenant } from "./read-turns.js";

/** "compliance": of one event under one policy. "validity": of one commitment. */
export type ProofKind = "compliance" | "validity";

/** Proofs one event or commitment may have: what a list shows is bounded by it. */
export const PROOFS_PER_SUBJECT_MAX = 256;

/** What is registered at most once. */
export interface ProofKey {
  readonly kind: ProofKind;
  /** Event id or batch id. */
  readonly subjectId: Uuid;
  /** 1 to 32 characters. */
  readonly proofType: string;
  readonly proofVersion: number;
  /** Set for compliance proofs, and only for them. */
  readonly policy: StoredPolicy | null;
}

export interface StoredPolicy {
  readonly policyId: string;
  /** Canonical JSON text. */
  readonly policyParams: string;
  /** 32 bytes. */
  readonly policyHash: Uint8Array;
}

/** A proof without its bytes. */
export interface ProofFacts extends ProofKey {
  readonly proofId: Uuid;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** 32 bytes: four big-endian u64. Compliance only. */
  readonly witnessCommitment: Uint8Array | null;
  /** Canonical JSON text of a batch proof's own public inputs. Validity only. */
  readonly batchInputs: string | null;
  /** Canonical JSON text. */
  readonly publicInputs: string;
  /** 32 bytes. */
  readonly proofHash: Uint8Array;
  /** Computed when the proof was verified at its submission, else null. */
  readonly securityBits: number | null;
}

export interface StoredProof extends ProofFacts {
  readonly submittedAtMs: number;
}

/** A proof to be written in the chunk that decided it. */
export interface NewProof {
  readonly stored: StoredProof;
  readonly proof: Uint8Array;
}

/** The event or commitment proofs are of, as the lane works on it: `proofs` counts them. */
export interface ProofSubject {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  proofs: number;
}

export type ProofName = Pick<StoredProof, "kind" | "proofId" | "tenantId">;

/** Read-only access to durable proofs. `asking`: see `LogReader`. */
export interface ProofReader {
  proof(kind: ProofKind, proofId: Uuid, asking: ReadingTenant): Promise<StoredProof | null>;
  proofByKey(key: ProofKey, asking: ReadingTenant): Promise<StoredProof | null>;
  /** Of one event or commitment, oldest first. */
  proofs(kind: ProofKind, subjectId: Uuid, asking: ReadingTenant): Promise<readonly StoredProof[]>;
  /** As submitted. */
  proofBytes(proof: ProofName): Promise<Uint8Array | null>;
}
