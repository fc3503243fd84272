/** Why a proof was not accepted. Codes are stable; details are for people and never contain proof contents. */
export type RefusalCode =
  | "PROOF_TOO_LARGE"
  | "PROOF_TRUNCATED"
  | "PROOF_TRAILING_BYTES"
  | "PROOF_MALFORMED"
  | "PROOF_VERSION_UNSUPPORTED"
  | "CONTEXT_MISMATCH"
  | "OPTIONS_NOT_ACCEPTED"
  | "STATEMENT_INVALID"
  | "NON_CANONICAL_ELEMENT"
  | "DEGENERATE_POINT"
  | "OOD_INCONSISTENT"
  | "PROOF_OF_WORK_INSUFFICIENT"
  | "QUERY_COUNT_MISMATCH"
  | "OPENING_INVALID"
  | "FRI_LAYER_INCONSISTENT"
  | "REMAINDER_COMMITMENT_MISMATCH"
  | "REMAINDER_INCONSISTENT";

export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
}

export function refuse(code: RefusalCode, detail: string): Refusal {
  return { code, detail };
}
