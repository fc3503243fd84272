/**
 * The lane's decisions, pure: the same items on the same rows with the same clock and key give the same log, bit for bit.
 * Rows are overlaid in place as the chunk is decided, so later items of a chunk see what earlier ones did.
 */
import type { ChunkState, ChunkWrites, LogEntry, SequencerIdentity } from "../store/contract.js";
import { decideCommand } from "./decide-command.js";
import { decideIngest } from "./decide-ingest.js";
import type { LaneAnswer, LaneItem } from "./lane-item.js";

/** The inputs that are not rows. */
export interface LaneContext {
  readonly nowMs: number;
  readonly sequencer: SequencerIdentity;
  /** Ed25519 signature (64 bytes) of a receipt hash. */
  readonly sign: (receiptHash: Uint8Array) => Uint8Array;
  /** Revocations so far, see `VerifiedRequest.keyEpoch`. */
  readonly keyEpoch: number;
}

/** A chunk being decided. */
export interface Chunk {
  readonly state: ChunkState;
  readonly context: LaneContext;
  /** Never runs backwards along the log, whatever the clock does. */
  readonly sequencedAtMs: number;
  nextOffset: number;
  readonly writes: ChunkWrites;
  readonly entries: LogEntry[];
  readonly answers: LaneAnswer[];
  /** Rejections by reason (the part before `:`), for the metrics. */
  readonly rejectedByReason: Map<string, number>;
}

export function decideChunk(items: readonly LaneItem[], state: ChunkState, context: LaneContext): Chunk {
  const chunk: Chunk = {
    state,
    context,
    sequencedAtMs: Math.max(context.nowMs, state.lastSequencedAtMs),
    nextOffset: state.nextOffset,
    writes: {
      nowMs: context.nowMs,
      entries: [],
      rejections: [],
      agentKeys: [],
      agentKeyRevocations: [],
      apiKeys: [],
      apiKeyRevocations: [],
    },
    entries: [],
    answers: [],
    rejectedByReason: new Map(),
  };
  for (const item of items) {
    if (item.kind === "ingest") decideIngest(chunk, item.request);
    else decideCommand(chunk, item);
  }
  return chunk;
}

export function hasWrites(writes: ChunkWrites): boolean {
  return (
    writes.entries.length > 0 ||
    writes.rejections.length > 0 ||
    writes.agentKeys.length > 0 ||
    writes.agentKeyRevocations.length > 0 ||
    writes.apiKeys.length > 0 ||
    writes.apiKeyRevocations.length > 0
  );
}
