/**
 * The rules for committing a range (ves-protocol §9.2). Commitments of a stream form one chain without a gap from sequence
 * number 1: the same range again is answered with the stored one, anything that does not follow the last one is refused.
 */
import { bytesEqual } from "../base/bytes.js";
import { GENESIS_STATE_ROOT } from "../protocol/commitment.js";
import { stateRoot } from "../protocol/state-root.js";
import { chainKey, commitmentKey, streamKey } from "../store/chunk-key.js";
import type { ChainState, Commitment, CommitmentSeries } from "../store/commitment-contract.js";
import type { StreamState } from "../store/contract.js";
import type { Chunk } from "./chunk.js";
import type { CommandRefusal, LaneCommand } from "./lane-item.js";

export interface SequenceRange {
  readonly sequenceStart: number;
  /** Inclusive. */
  readonly sequenceEnd: number;
}

/** What a series' events are called in refusals. */
const EVENTS_OF: Readonly<Record<CommitmentSeries, string>> = { ves: "VES", legacy: "legacy" };

export type RangeVerdict =
  | { readonly kind: "free" }
  | { readonly kind: "stored"; readonly commitment: Commitment }
  | { readonly kind: "refused"; readonly refusal: CommandRefusal };

/** Judges a range on rows alone. Whoever builds a tree asks first; the lane, which orders, decides. */
export function judgeRange(
  { sequenceStart, sequenceEnd }: SequenceRange,
  chain: ChainState,
  series: CommitmentSeries = "ves",
): RangeVerdict {
  if (sequenceStart < 1 || sequenceEnd < sequenceStart) {
    return refused(
      "INVALID_FIELD_VALUE",
      "invalid sequence range: it must start at 1 or later and not end before it starts",
    );
  }
  const { head, last, sameStart } = chain;
  if (sameStart !== null) {
    if (sameStart.sequenceEnd === sequenceEnd) return { kind: "stored", commitment: sameStart };
    return refused(
      "ALREADY_EXISTS",
      `commitment already exists for start ${sequenceStart} but ends at ${sameStart.sequenceEnd} (requested ${sequenceEnd})`,
    );
  }
  const committed = last?.sequenceEnd ?? 0;
  if (sequenceStart !== committed + 1) {
    return refused(
      sequenceStart > committed ? "SEQUENCE_GAP" : "ALREADY_EXISTS",
      `commitment range must start at ${committed + 1} (next after last committed sequence ${committed})`,
    );
  }
  // A row of an older database: what is chained to it now could never be verified.
  if (last !== null && bytesEqual(last.newStateRoot, GENESIS_STATE_ROOT)) {
    return refused("INVALID_STATE_TRANSITION", "state roots of this stream are missing: run backfill-ves-state-roots");
  }
  if (sequenceEnd <= head) return { kind: "free" };
  const present = Math.max(0, head - sequenceStart + 1);
  return refused(
    "SEQUENCE_GAP",
    present === 0
      ? `no ${EVENTS_OF[series]} events in range for commitment`
      : `${EVENTS_OF[series]} commitment range ${sequenceStart}..=${sequenceEnd} contains ${present} events but expected ${sequenceEnd - sequenceStart + 1}`,
  );
}

function refused(code: CommandRefusal["code"], message: string): RangeVerdict {
  return { kind: "refused", refusal: { code, message } };
}

export function decideCommitment(
  chunk: Chunk,
  command: Extract<LaneCommand, { kind: "commit_range" }>,
): Commitment | CommandRefusal {
  const { state, writes, context } = chunk;
  const { series, batchId, tenantId, storeId, sequenceStart, sequenceEnd, merkleRoot } = command;
  const name = chainKey(series, tenantId, storeId);
  const stream = state.streams.get(streamKey(tenantId, storeId));
  const last = state.lastCommitments.get(name) ?? null;
  const sameStart = state.commitments.get(commitmentKey(series, tenantId, storeId, sequenceStart)) ?? null;
  const verdict = judgeRange(command, { head: headOf(stream, series), last, sameStart }, series);
  if (verdict.kind === "refused") return verdict.refusal;
  if (verdict.kind === "stored") return verdict.commitment;
  const prevStateRoot = last?.newStateRoot ?? GENESIS_STATE_ROOT;
  const fields = { tenantId, storeId, prevStateRoot, merkleRoot, sequenceStart, sequenceEnd };
  const commitment: Commitment = {
    ...fields,
    batchId,
    newStateRoot: command.stateRoot ?? stateRoot(fields),
    committedAtMs: context.nowMs,
    anchor: null,
  };
  state.lastCommitments.set(name, commitment);
  state.commitments.set(commitmentKey(series, tenantId, storeId, sequenceStart), commitment);
  // Free ranges end at or below the stream's head, so there is a stream.
  writes.commitments.push({ series, stream: stream!, commitment });
  return commitment;
}

function headOf(stream: StreamState | undefined, series: CommitmentSeries): number {
  return (series === "legacy" ? stream?.legacyHead : stream?.head) ?? 0;
}
