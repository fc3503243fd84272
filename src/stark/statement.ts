/**
 * What a proof is checked against. The caller builds it from its own trusted records, never from the artefact that
 * carries the proof (section 11.3 item 10).
 */
import { isFieldElement } from "./field.js";

/** amount <= effectiveLimit for an amount committed by `witnessCommitment`, bound to the event's public inputs. */
export interface ComplianceStatement {
  readonly proofVersion: 2;
  readonly kind: "compliance";
  /** Raw u64. The transcript carries it mod p; the boundary carries both 32-bit halves. */
  readonly effectiveLimit: bigint;
  /** 47 elements (section 6.3). */
  readonly inputElements: readonly bigint[];
  /** 4 elements (section 4.5). */
  readonly witnessCommitment: readonly bigint[];
}

/** State transition over a batch of events. An integrity aid only: see finding F4 before relying on it. */
export interface BatchStatement {
  readonly proofVersion: 2;
  readonly kind: "batch";
  /** 35 elements (section 8.1). */
  readonly publicElements: readonly bigint[];
}

export type Statement = ComplianceStatement | BatchStatement;

const INPUT_ELEMENTS = 47;
export const COMMITMENT_ELEMENTS = 4;
const U64_MAX = 0xffffffffffffffffn;

/** Null if the statement is well formed, else what is wrong with it. */
export function complianceStatementFault(statement: ComplianceStatement): string | null {
  if (statement.effectiveLimit < 0n || statement.effectiveLimit > U64_MAX) return "effective limit is not a u64";
  if (statement.inputElements.length !== INPUT_ELEMENTS) return `needs ${INPUT_ELEMENTS} input elements`;
  if (statement.witnessCommitment.length !== COMMITMENT_ELEMENTS) return "needs 4 commitment elements";
  if (!statement.inputElements.every(isFieldElement)) return "an input element is not below the field modulus";
  return statement.witnessCommitment.every(isFieldElement) ? null : "a commitment limb is not below the field modulus";
}
