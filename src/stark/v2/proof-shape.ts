/**
 * The dimensions of the two statement kinds. A proof's own numbers only select one of these; wider traces and longer
 * traces than an honest prover makes are refused (section 11.3 item 2).
 */

export type StatementKind = "compliance" | "batch";

export interface ProofShape {
  readonly kind: StatementKind;
  readonly width: number;
  readonly logTraceLength: number;
  /** Columns the composition polynomial is split into: degree 9 and 10 constraints (section 2). */
  readonly compositionColumns: number;
  /** log2 of the constraint evaluation domain over the trace length (section 1.4). */
  readonly logCompositionBlowup: number;
}

export const COMPLIANCE_SHAPE: ProofShape = {
  kind: "compliance",
  width: 248,
  logTraceLength: 4,
  compositionColumns: 8,
  logCompositionBlowup: 3,
};

/** Section 8.2: n = 256 for one event up to 16384 for 128. */
const BATCH_LOG_TRACE_MIN = 8;
const BATCH_LOG_TRACE_MAX = 14;

export function batchShape(logTraceLength: number): ProofShape {
  return { kind: "batch", width: 253, logTraceLength, compositionColumns: 9, logCompositionBlowup: 4 };
}

/** The shape with this width and length, or null. */
export function shapeOf(width: number, logTraceLength: number): ProofShape | null {
  if (width === COMPLIANCE_SHAPE.width)
    return logTraceLength === COMPLIANCE_SHAPE.logTraceLength ? COMPLIANCE_SHAPE : null;
  const isBatch = width === 253 && logTraceLength >= BATCH_LOG_TRACE_MIN && logTraceLength <= BATCH_LOG_TRACE_MAX;
  return isBatch ? batchShape(logTraceLength) : null;
}
