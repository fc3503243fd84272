/**
 * The 35 public elements of a batch (section 8.1), the row plan they imply (section 8.2), and their validation. What is
 * validated here is all a verifier knows: see finding F4 for what a batch proof does not show.
 */
import { bytesToLimbs, isFieldElement } from "../field.js";
import { type PolicyId, policyHash, SAFE_INTEGER_MAX } from "../policy.js";
import type { BatchStatement } from "../statement.js";

export const BATCH_EVENTS_MAX = 128;
export const BATCH_ELEMENTS = 35;

export interface BatchInputs {
  readonly previousRoot: readonly bigint[];
  readonly newRoot: readonly bigint[];
  readonly batchId: readonly bigint[];
  readonly tenantId: readonly bigint[];
  readonly storeId: readonly bigint[];
  readonly sequenceStart: bigint;
  readonly sequenceEnd: bigint;
  readonly timestamp: bigint;
  readonly events: number;
  readonly isAllCompliant: boolean;
  readonly policyId: PolicyId;
  /** The raw threshold or cap. */
  readonly policyLimit: bigint;
  readonly accumulator: readonly bigint[];
}

/** Policies by their number in field 25. */
const POLICY_KINDS: readonly PolicyId[] = ["aml.threshold", "order_total.cap"];

export function batchElements(inputs: BatchInputs): bigint[] {
  return [
    ...inputs.previousRoot,
    ...inputs.newRoot,
    ...inputs.batchId,
    ...inputs.tenantId,
    ...inputs.storeId,
    inputs.sequenceStart,
    inputs.sequenceEnd,
    inputs.timestamp,
    BigInt(inputs.events),
    inputs.isAllCompliant ? 1n : 0n,
    BigInt(POLICY_KINDS.indexOf(inputs.policyId)),
    inputs.policyLimit,
    ...inputs.accumulator,
  ];
}

/** The elements by name. The statement must have passed `batchStatementFault`. */
export function batchInputs(statement: BatchStatement): BatchInputs {
  const e = statement.publicElements;
  return {
    previousRoot: e.slice(0, 4),
    newRoot: e.slice(4, 8),
    batchId: e.slice(8, 12),
    tenantId: e.slice(12, 16),
    storeId: e.slice(16, 20),
    sequenceStart: e[20]!,
    sequenceEnd: e[21]!,
    timestamp: e[22]!,
    events: Number(e[23]!),
    isAllCompliant: e[24] === 1n,
    policyId: POLICY_KINDS[Number(e[25]!)]!,
    policyLimit: e[26]!,
    accumulator: e.slice(27, 35),
  };
}

/** Null if the elements are well formed (section 8.1, and no empty batch), else what is wrong. */
export function batchStatementFault(statement: BatchStatement): string | null {
  const e = statement.publicElements;
  if (e.length !== BATCH_ELEMENTS) return `needs ${BATCH_ELEMENTS} public elements`;
  if (!e.every(isFieldElement)) return "a public element is not below the field modulus";
  const [start, end, , events, compliant, kind, limit] = e.slice(20) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  if (compliant > 1n) return "all-compliant flag is not 0 or 1";
  if (kind >= BigInt(POLICY_KINDS.length)) return "unknown policy kind";
  if (limit > SAFE_INTEGER_MAX) return "policy limit exceeds 2^53-1";
  if (kind === 0n && limit === 0n) return "threshold is 0";
  if (events < 1n || events > BigInt(BATCH_EVENTS_MAX)) return `number of events is not 1 to ${BATCH_EVENTS_MAX}`;
  return end - start + 1n === events ? null : "sequence range does not match the number of events";
}

/** Policy hash as 8 elements, from kind and raw limit. */
export function batchPolicyLimbs(inputs: BatchInputs): bigint[] {
  const key = inputs.policyId === "aml.threshold" ? "threshold" : "cap";
  return bytesToLimbs(policyHash(inputs.policyId, { [key]: inputs.policyLimit }));
}

/** First rows of the phases for N events (section 8.2). */
export interface BatchPlan {
  readonly events: number;
  /** Leaves of the event tree: next power of two. */
  readonly leaves: number;
  readonly leafRow: number;
  readonly leafHashRow: number;
  readonly commitmentRow: number;
  readonly merkleRow: number;
  readonly finalRow: number;
  readonly logTraceLength: number;
}

const TRACE_ROWS_MIN = 256;
/** Rows per event, per leaf hash (4 permutations) and per permutation. */
const EVENT_ROWS = 4;
const LEAF_HASH_ROWS = 60;
const PERMUTATION_ROWS = 15;

export function batchPlan(events: number): BatchPlan {
  const leaves = 2 ** Math.ceil(Math.log2(events));
  const leafRow = EVENT_ROWS * events;
  const leafHashRow = leafRow + leaves;
  const commitmentRow = leafHashRow + LEAF_HASH_ROWS * events;
  const merkleRow = commitmentRow + PERMUTATION_ROWS * events;
  const finalRow = merkleRow + PERMUTATION_ROWS * (leaves - 1);
  const logTraceLength = Math.ceil(Math.log2(Math.max(TRACE_ROWS_MIN, finalRow + PERMUTATION_ROWS)));
  return { events, leaves, leafRow, leafHashRow, commitmentRow, merkleRow, finalRow, logTraceLength };
}
