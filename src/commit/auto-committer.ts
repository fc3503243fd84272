/**
 * Commits streams on its own: when enough events wait, or when the first of them has waited long enough. What is due is found
 * in the order of the log, where what came first is due first, by two cursors that look at each entry once: `#newFrom` at what was
 * added, for streams with enough events, `#oldFrom` at what has waited long enough, up to the first entry that has not. Streams that
 * are not due are not looked at, however many wait. Where the cursors begin is found in rows at the start, so it goes on
 * after a restart where the rows are.
 * Bounds: `COMMITS_AT_ONCE` commitments in the making, tenants in turn, and `DueStreams`: while that is full the cursors stand still.
 */
import type { Clock } from "../base/clock.js";
import { CodedError } from "../base/errors.js";
import type { CommitmentReader, DuePage, DueStream } from "../store/commitment-contract.js";
import type { Committer } from "./committer.js";
import { DueStreams } from "./due-streams.js";
import { WaitingTimes } from "./waiting-times.js";

export interface AutoCommitThresholds {
  /** Waiting events from which a stream is committed; 0 = never by count. */
  readonly events: number;
  /** Age of the first waiting event from which a stream is committed; 0 = never by age. */
  readonly ageMs: number;
}

export interface AutoCommitterOptions {
  readonly reader: CommitmentReader;
  readonly committer: Pick<Committer, "commitNext">;
  readonly clock: Clock;
  readonly thresholds: AutoCommitThresholds;
  readonly intervalMs: number;
  /** Aborted when the service goes away: no new commitment is begun. */
  readonly shutdown: AbortSignal;
  /** A stream could not be committed; it is tried again with the next tick. */
  onFailure(error: unknown): void;
}

const STREAMS_PER_PAGE = 1024;
const COMMITS_AT_ONCE = 16;

export class AutoCommitter implements AsyncDisposable {
  readonly #options: AutoCommitterOptions;
  readonly #timer: NodeJS.Timeout | null;
  readonly #due = new DueStreams();
  readonly #waiting = new WaitingTimes();
  readonly #inTheMaking = new Set<Promise<void>>();
  #tick: Promise<void> | null = null;
  /** Streams up to this one were looked at since the start; null = all of them. */
  #startedTo: number | null = 0;
  #newFrom = Number.POSITIVE_INFINITY;
  #oldFrom = Number.POSITIVE_INFINITY;

  constructor(options: AutoCommitterOptions) {
    this.#options = options;
    const { events, ageMs } = options.thresholds;
    this.#timer = events === 0 && ageMs === 0 ? null : setInterval(() => this.#start(), options.intervalMs);
  }

  /** Ends after the commitments in the making. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#tick;
    await Promise.all(this.#inTheMaking);
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
    const { events, ageMs } = this.#options.thresholds;
    this.#due.retry();
    this.#commitDue();
    while (this.#startedTo !== null && this.#mayFind()) await this.#findCursors(this.#startedTo);
    if (this.#startedTo !== null) return;
    if (events > 0) await this.#findFull(events);
    if (ageMs > 0) await this.#findOld(ageMs);
  }

  #mayFind(): boolean {
    return this.#due.hasRoom && !this.#options.shutdown.aborted;
  }

  /**
   * Some of the streams that waited before the start. What begins to wait meanwhile is at or beyond `#newFrom`, the log's end when
   * the first of them were looked at.
   */
  async #findCursors(afterRef: number): Promise<void> {
    const { reader, thresholds } = this.#options;
    const { streams, headOffset } = await reader.uncommittedStreams(afterRef, STREAMS_PER_PAGE);
    this.#newFrom = Math.min(this.#newFrom, headOffset);
    this.#oldFrom = Math.min(this.#oldFrom, headOffset);
    for (const stream of streams) {
      this.#oldFrom = Math.min(this.#oldFrom, stream.waitingFromOffset);
      const isFull = thresholds.events > 0 && stream.head - stream.committed >= thresholds.events;
      if (isFull) this.#due.add({ ...stream, committedBelow: stream.head - thresholds.events + 1 });
    }
    this.#startedTo = streams.length < STREAMS_PER_PAGE ? null : streams.at(-1)!.ref;
    this.#commitDue();
  }

  async #findFull(events: number): Promise<void> {
    for (let isAtEnd = false; !isAtEnd && this.#mayFind(); ) {
      const page = await this.#options.reader.fullStreams(this.#newFrom, events);
      this.#newFrom = page.nextOffset;
      isAtEnd = page.nextOffset >= page.headOffset;
      this.#take(page);
    }
  }

  async #findOld(ageMs: number): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const untilMs = nowMs - ageMs;
    for (let isAtEnd = false; !isAtEnd && this.#mayFind(); ) {
      const untilOffset = this.#waiting.headAt(untilMs);
      const page = await this.#options.reader.oldStreams(this.#oldFrom, { untilMs, untilOffset });
      this.#oldFrom = page.nextOffset;
      this.#waiting.forgetBelow(this.#oldFrom);
      if (page.waitingSinceMs !== null && page.waitingSinceMs > nowMs) this.#waiting.look(page.headOffset, nowMs);
      isAtEnd = page.waitingSinceMs !== null || page.nextOffset >= page.headOffset;
      this.#take(page);
    }
  }

  #take({ streams }: DuePage): void {
    for (const stream of streams) this.#due.add(stream);
    this.#commitDue();
  }

  #commitDue(): void {
    while (this.#inTheMaking.size < COMMITS_AT_ONCE && !this.#options.shutdown.aborted) {
      const stream = this.#due.take();
      if (stream === undefined) return;
      const commitment = this.#commit(stream).finally(() => {
        this.#inTheMaking.delete(commitment);
        this.#commitDue();
      });
      this.#inTheMaking.add(commitment);
    }
  }

  async #commit(stream: DueStream): Promise<void> {
    const { reader, committer, onFailure } = this.#options;
    try {
      // By now somebody may have committed what it was found due for.
      const { last } = await reader.chainState(stream.tenantId, stream.storeId, 1);
      let sequenceEnd = last?.sequenceEnd ?? 0;
      if (sequenceEnd < stream.committedBelow) {
        const made = await committer.commitNext(stream, Number.MAX_SAFE_INTEGER, "automatic", null);
        sequenceEnd = made.sequenceEnd;
      }
      this.#due.committed(stream, sequenceEnd);
    } catch (error) {
      this.#due.failed(stream);
      // Nothing failed: its turn comes again with the next start.
      if (!(error instanceof CodedError && error.code === "SHUTTING_DOWN")) onFailure(error);
    }
  }
}
