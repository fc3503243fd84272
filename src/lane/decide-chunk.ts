/**
 * The lane's decisions, pure: the same items on the same rows with the same clock and key give the same log, bit for bit.
 * Rows are overlaid in place as the chunk is decided, so later items of a chunk see what earlier ones did.
 */
import type { ChunkState, ChunkWrites } from "../store/contract.js";
import { type Chunk, type LaneContext, openChunk } from "./chunk.js";
import { decideCommand } from "./decide-command.js";
import { decideIngest } from "./decide-ingest.js";
import { decideLegacyIngest } from "./decide-legacy-ingest.js";
import type { LaneItem } from "./lane-item.js";

export function decideChunk(items: readonly LaneItem[], state: ChunkState, context: LaneContext): Chunk {
  const chunk = openChunk(state, context);
  for (const item of items) {
    if (item.kind === "ingest") decideIngest(chunk, item.request);
    else if (item.kind === "ingest_legacy") decideLegacyIngest(chunk, item.request);
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
    writes.apiKeyRevocations.length > 0 ||
    writes.commitments.length > 0 ||
    writes.proofs.length > 0
  );
}
