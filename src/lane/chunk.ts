import type { ChunkState, ChunkWrites, LogEntry, ReceiptSigner } from "../store/contract.js";
import type { CommandRefusal, LaneAnswer } from "./lane-item.js";

/** The inputs that are not rows. */
export interface LaneContext {
  readonly nowMs: number;
  readonly sequencer: ReceiptSigner;
  /** Ed25519 signature (64 bytes) of a receipt hash. */
  readonly sign: (receiptHash: Uint8Array) => Uint8Array;
  /** The revocation epoch now, see `VerifiedRequest.keyEpoch`. */
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

/** A chunk in which nothing is decided yet. */
export function openChunk(state: ChunkState, context: LaneContext): Chunk {
  return {
    state,
    context,
    sequencedAtMs: Math.max(context.nowMs, state.lastSequencedAtMs),
    nextOffset: state.nextOffset,
    writes: {
      nowMs: context.nowMs,
      streams: [],
      entities: [],
      entries: [],
      rejections: [],
      agentKeys: [],
      agentKeyRevocations: [],
      apiKeys: [],
      apiKeyRevocations: [],
      commitments: [],
      proofs: [],
    },
    entries: [],
    answers: [],
    rejectedByReason: new Map(),
  };
}

/**
 * Was the API key revoked before this place in the order? It asked while it was good, but a stolen key leaves nothing behind that
 * nobody looks for any more.
 */
export function isApiKeyRevoked({ state }: Chunk, by: string | null): boolean {
  return by !== null && (state.apiKeys.get(by)?.revokedAtMs ?? null) !== null;
}

export const REVOKED_API_KEY: CommandRefusal = { code: "INVALID_API_KEY", message: "Invalid API key" };
