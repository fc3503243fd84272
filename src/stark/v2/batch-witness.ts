/** What a batch proof is made from, and the values it implies outside the trace (section 8.4). */
import { fieldAdd, fieldMul } from "../field.js";
import type { Kernels } from "../kernels.js";
import { effectiveLimit } from "../policy.js";
import { permute, rescueHash, rescuePair } from "../rescue.js";
import { commitAmount } from "../witness-commitment.js";
import { metadataHash } from "./batch-air.js";
import { ACCUMULATOR_BASE } from "./batch-columns.js";
import { BATCH_EVENTS_MAX, type BatchInputs, batchPlan, batchPolicyLimbs } from "./batch-statement.js";

export interface BatchEvent {
  /** 4 limbs of the event's UUID. */
  readonly eventId: readonly bigint[];
  readonly amount: bigint;
  /** 8 limbs of the bound public-input hash. */
  readonly inputHash: readonly bigint[];
}

/** Everything about a batch that its events do not determine. */
export type BatchHeader = Omit<BatchInputs, "newRoot" | "sequenceEnd" | "events" | "isAllCompliant" | "accumulator">;

export interface BatchLeaf extends BatchEvent {
  readonly commitment: readonly bigint[];
  readonly isCompliant: boolean;
  readonly hash: readonly bigint[];
}

/** A batch with all derived values: what the trace is filled from. */
export interface BatchWitness {
  readonly inputs: BatchInputs;
  readonly leaves: readonly BatchLeaf[];
  /** Levels of the event tree, from the padded leaf hashes to the root. */
  readonly levels: ReadonlyArray<ReadonlyArray<readonly bigint[]>>;
  readonly policyLimbs: readonly bigint[];
  readonly metadata: readonly bigint[];
  readonly effectiveLimit: bigint;
}

/** Throws RangeError for an empty or oversized batch. */
export function batchWitness(kernels: Kernels, header: BatchHeader, events: readonly BatchEvent[]): BatchWitness {
  if (events.length < 1 || events.length > BATCH_EVENTS_MAX) {
    throw new RangeError(`a batch has 1 to ${BATCH_EVENTS_MAX} events`);
  }
  const limit = effectiveLimit({ policyId: header.policyId, limit: header.policyLimit, intentHash: null });
  const draft: BatchInputs = {
    ...header,
    newRoot: [],
    sequenceEnd: header.sequenceStart + BigInt(events.length) - 1n,
    events: events.length,
    isAllCompliant: events.every((event) => event.amount <= limit),
    accumulator: accumulate(events.map((event) => event.inputHash)),
  };
  const policyLimbs = batchPolicyLimbs(draft);
  const leaves = events.map((event): BatchLeaf => {
    const commitment = commitAmount(kernels, event.amount);
    const isCompliant = event.amount <= limit;
    const parts = [...event.eventId, ...commitment, ...policyLimbs, ...event.inputHash, isCompliant ? 1n : 0n];
    return { ...event, commitment, isCompliant, hash: rescueHash(kernels, parts) };
  });
  const levels = treeLevels(kernels, leaves);
  const metadata = metadataHash(kernels, draft);
  const newRoot = nextRoot(kernels, levels.at(-1)![0]!, metadata, header.previousRoot);
  return { inputs: { ...draft, newRoot }, leaves, levels, policyLimbs, metadata, effectiveLimit: limit };
}

/** acc * 11 + lane, over events in order (section 8.1). */
function accumulate(hashes: ReadonlyArray<readonly bigint[]>): bigint[] {
  return hashes.reduce<bigint[]>(
    (total, hash) => total.map((value, i) => fieldAdd(fieldMul(value, ACCUMULATOR_BASE), hash[i]!)),
    new Array<bigint>(8).fill(0n),
  );
}

function treeLevels(kernels: Kernels, leaves: readonly BatchLeaf[]): (readonly bigint[])[][] {
  const width = batchPlan(leaves.length).leaves;
  let level: (readonly bigint[])[] = Array.from({ length: width }, (_, i) => leaves[i]?.hash ?? [0n, 0n, 0n, 0n]);
  const levels = [level];
  while (level.length > 1) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, i) => rescuePair(kernels, below[2 * i]!, below[2 * i + 1]!));
    levels.push(level);
  }
  return levels;
}

/** One permutation of root, metadata hash and previous root, folded to four elements. */
function nextRoot(
  kernels: Kernels,
  root: readonly bigint[],
  metadata: readonly bigint[],
  previousRoot: readonly bigint[],
): bigint[] {
  const state = permute(kernels, [...root, ...metadata, ...previousRoot]);
  return [0, 1, 2, 3].map((i) =>
    fieldAdd(fieldAdd(state[i]!, fieldMul(13n, state[4 + i]!)), fieldMul(37n, state[8 + i]!)),
  );
}
