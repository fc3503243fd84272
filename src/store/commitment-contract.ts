import type { StreamName, Uuid } from "../base/ids.js";
import type { StateCommitment } from "../protocol/commitment.js";
import type { ReadingTenant } from "./read-turns.js";

/** Whose numbers a commitment covers: a stream's VES events or its legacy events. Each has a chain of its own. */
export type CommitmentSeries = "ves" | "legacy";

/** A stream's events with these numbers of a series, both inclusive. */
export interface EventRange extends StreamName {
  readonly sequenceStart: number;
  readonly sequenceEnd: number;
}

/** A stored commitment. Everything but `anchor` is immutable. */
export interface Commitment extends StateCommitment {
  readonly batchId: Uuid;
  readonly committedAtMs: number;
  /** Null until a transaction was sent. */
  readonly anchor: CommitmentAnchor | null;
}

/** Where a commitment is on chain: submitted when there is a transaction, anchored when `anchoredAtMs` is set. */
export interface CommitmentAnchor {
  readonly chainId: number | null;
  /** 32 bytes. */
  readonly txHash: Uint8Array;
  readonly blockNumber: number | null;
  readonly anchoredAtMs: number | null;
}

/** Where a stream's chain of commitments stands, as the rules for the next one need it. */
export interface ChainState {
  /** Last sequence number given out; 0 = none. */
  readonly head: number;
  readonly last: Commitment | null;
  /** The commitment that starts where the wanted range does. */
  readonly sameStart: Commitment | null;
}

export interface CommitmentQuery {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  /** Commitments that cover any number from here on, inclusive. */
  readonly fromSequence: number;
  /** To here, inclusive. */
  readonly toSequence: number;
  /** "pending": without a chain transaction. */
  readonly status: "pending" | "submitted" | "anchored" | "all";
  readonly limit: number;
}

/** A stream whose last events are in no commitment. */
export interface UncommittedStream {
  /** Place in the order in which streams are visited. */
  readonly ref: number;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly head: number;
  /** Last committed sequence number; 0 = none. */
  readonly committed: number;
  /** Offset of the first event after it. */
  readonly waitingFromOffset: number;
}

/** Some of those streams, and the end of the log at the same moment. */
export interface UncommittedPage {
  readonly streams: readonly UncommittedStream[];
  readonly headOffset: number;
}

/** A stream that is to be committed while it is committed to less than that number. */
export interface DueStream extends StreamName {
  readonly ref: number;
  readonly committedBelow: number;
}

/** Streams found due in a part of the log, each once. */
export interface DuePage {
  readonly streams: readonly DueStream[];
  /** Where to go on: every entry below it was looked at. */
  readonly nextOffset: number;
  /** The end of the log at the same moment. */
  readonly headOffset: number;
}

export interface OldPage extends DuePage {
  /** When the entry at `nextOffset` was sequenced, if it waits and is not old; null = the page ended before there was one. */
  readonly waitingSinceMs: number | null;
}

/** Old is what was sequenced at `untilMs` or before, and everything below `untilOffset`. */
export interface OldBound {
  readonly untilMs: number;
  readonly untilOffset: number;
}

/** Read-only access to durable commitments. `asking`: see `LogReader`. */
export interface CommitmentReader {
  commitment(batchId: Uuid, asking: ReadingTenant): Promise<Commitment | null>;
  coveringCommitment(tenantId: Uuid, storeId: Uuid, sequenceNumber: number): Promise<Commitment | null>;
  /** In sequence order. */
  commitments(query: CommitmentQuery): Promise<readonly Commitment[]>;
  chainState(tenantId: Uuid, storeId: Uuid, sequenceStart: number): Promise<ChainState>;
  /** At most `limit` streams with `ref` above `afterRef`, by `ref`. */
  uncommittedStreams(afterRef: number, limit: number): Promise<UncommittedPage>;
  /** Streams with so many uncommitted events, by entries from `fromOffset` on: of a stream that has none there nothing is said. */
  fullStreams(fromOffset: number, events: number): Promise<DuePage>;
  /** Streams whose uncommitted events from `fromOffset` on are old, up to the first that is not. */
  oldStreams(fromOffset: number, bound: OldBound): Promise<OldPage>;
}
