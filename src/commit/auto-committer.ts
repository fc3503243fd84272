/**
 * Commits streams on its own: when enough events wait, or when the first of them has waited long enough. It knows nothing
 * but rows, so it goes on after a restart where the rows are. Bounds per tick: `STREAMS_PER_TICK` streams are looked at and
 * `COMMITS_AT_ONCE` of the due ones are in the making, tenants in turn; the next tick starts behind the last stream looked at.
 */
import type { Clock } from "../base/clock.js";
import { CodedError } from "../base/errors.js";
import { FairQueue } from "../base/fair-queue.js";
import type { CommitmentReader, UncommittedStream } from "../store/commitment-contract.js";
import type { Committer } from "./committer.js";
import { WaitingTimes } from "./waiting-times.js";

export interface AutoCommitThresholds {
  /** Waiting events from which a stream is committed; 0 = never by count. */
  readonly events: number;
  /** Age of the first waiting event from which a stream is committed; 0 = never by age. */
  readonly ageMs: number;
}

export interface AutoCommitterOptions {
  readonly reader: CommitmentReader;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly thresholds: AutoCommitThresholds;
  readonly intervalMs: number;
  /** Aborted when the service goes away: no new commitment is begun. */
  readonly shutdown: AbortSignal;
  /** A stream could not be committed; it is tried again when its turn comes. */
  onFailure(error: unknown): void;
}

const STREAMS_PER_TICK = 1024;
const COMMITS_AT_ONCE = 16;

export class AutoCommitter implements AsyncDisposable {
  readonly #options: AutoCommitterOptions;
  readonly #timer: NodeJS.Timeout | null;
  readonly #waiting = new WaitingTimes();
  #afterRef = 0;
  #tick: Promise<void> | null = null;

  constructor(options: AutoCommitterOptions) {
    this.#options = options;
    const { events, ageMs } = options.thresholds;
    this.#timer = events === 0 && ageMs === 0 ? null : setInterval(() => this.#start(), options.intervalMs);
  }

  /** Ends after the commitments in the making. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#tick;
  }

  /** Ticks never overlap: a slow one makes the next ones fall out. */
  #start(): void {
    this.#tick ??= this.#run()
      .catch((error: unknown) => this.#options.onFailure(error))
      .finally(() => {
        this.#tick = null;
      });
  }

  async #run(): Promise<void> {
    const { reader, clock, thresholds, shutdown } = this.#options;
    if (shutdown.aborted) return;
    const streams = await reader.uncommittedStreams(this.#afterRef, STREAMS_PER_TICK);
    this.#afterRef = streams.length < STREAMS_PER_TICK ? 0 : streams.at(-1)!.ref;
    const nowMs = clock.nowMs();
    const due = new FairQueue<UncommittedStream>(1);
    for (const stream of streams) {
      if (isDue(stream, thresholds, nowMs - this.#waiting.sinceMs(stream, nowMs))) due.push(stream.tenantId, stream, 1);
    }
    await Promise.all(Array.from({ length: COMMITS_AT_ONCE }, () => this.#commitDue(due)));
  }

  async #commitDue(due: FairQueue<UncommittedStream>): Promise<void> {
    while (!this.#options.shutdown.aborted) {
      const stream = due.shift();
      if (stream === undefined) return;
      await this.#commit(stream);
    }
  }

  async #commit(stream: UncommittedStream): Promise<void> {
    const { committer, onFailure } = this.#options;
    try {
      await committer.commitNext(stream, Number.MAX_SAFE_INTEGER, "automatic", null);
    } catch (error) {
      // Nothing failed: its turn comes again with the next start.
      if (!(error instanceof CodedError && error.code === "SHUTTING_DOWN")) onFailure(error);
    }
  }
}

/** Is it time to commit what waits in this stream, the first of it for so long? */
function isDue(stream: UncommittedStream, { events, ageMs }: AutoCommitThresholds, waitedMs: number): boolean {
  const isFull = events > 0 && stream.head - stream.committed >= events;
  return isFull || (ageMs > 0 && waitedMs >= ageMs);
}
