/**
 * One turn of the lane: read the rows a chunk may touch, decide, make durable. What a crash means at each step is said
 * where the step is; recovery is the same function on the next start, because the lane keeps no state of its own.
 */
import { crashPoint } from "../base/crash-point.js";
import { type LaneStore, type LogEntry, type NewEntry, StorageFullError } from "../store/contract.js";
import type { LaneContext } from "./chunk.js";
import { chunkQuery } from "./chunk-query.js";
import { decideChunk, hasWrites } from "./decide-chunk.js";
import type { LaneAnswer, LaneItem } from "./lane-item.js";

export interface ChunkOutcome {
  /** One per item, in order. May be sent: what they say is durable. */
  readonly answers: readonly LaneAnswer[];
  /** New entries in offset order. */
  readonly entries: readonly LogEntry[];
  /** The same as they were written. */
  readonly written: readonly NewEntry[];
  readonly hasRevocations: boolean;
  readonly rejectedByReason: ReadonlyMap<string, number>;
  /** Milliseconds from the first write to the flush's return; 0 when there was nothing to write. */
  readonly commitMs: number;
}

/** Throws what the store throws, but for a full disk: then every item is refused with STORAGE_FULL and nothing is kept. */
export async function commitChunk(
  store: LaneStore,
  items: readonly LaneItem[],
  context: LaneContext,
): Promise<ChunkOutcome> {
  try {
    return await turn(store, items, context);
  } catch (error) {
    if (!(error instanceof StorageFullError)) throw error;
    return refuseAll(items);
  }
}

async function turn(store: LaneStore, items: readonly LaneItem[], context: LaneContext): Promise<ChunkOutcome> {
  // Crash from here to the commit: nothing happened. The clients hear nothing and send again.
  const state = await store.begin(chunkQuery(items, context.keyEpoch));
  crashPoint("lane.begun");
  const chunk = decideChunk(items, state, context);
  const { writes, entries, answers, rejectedByReason } = chunk;
  if (!hasWrites(writes)) {
    await store.rollback();
    return { answers, entries, written: [], hasRevocations: false, rejectedByReason, commitMs: 0 };
  }
  const startedMs = performance.now();
  // Crash inside: all of the chunk or nothing of it is there, the store's transaction decides which.
  await store.commit(writes);
  // Crash from here on: the chunk is durable but unanswered. A client that sends again gets the stored receipts.
  crashPoint("lane.committed");
  const commitMs = performance.now() - startedMs;
  const hasRevocations = writes.agentKeyRevocations.length > 0;
  return { answers, entries, written: writes.entries, hasRevocations, rejectedByReason, commitMs };
}

function refuseAll(items: readonly LaneItem[]): ChunkOutcome {
  const answers = items.map(
    (item): LaneAnswer => ({
      requestId: "request" in item ? item.request.requestId : item.requestId,
      ok: false,
      code: "STORAGE_FULL",
      message: "the store is full: nothing was written",
    }),
  );
  return { answers, entries: [], written: [], hasRevocations: false, rejectedByReason: new Map(), commitMs: 0 };
}
