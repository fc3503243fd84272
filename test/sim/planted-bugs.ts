/** Bugs on purpose, one each: what services of this kind have got wrong. The simulation has to catch every one. */
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Broadcaster } from "../../src/broadcast/broadcaster.js";

import type { SubscriptionOptions } from "../../src/broadcast/subscription.js";
import { chunkQuery } from "../../src/lane/chunk-query.js";
import { commitChunk } from "../../src/lane/commit-chunk.js";
import { cutChunk } from "../../src/lane/cut-chunk.js";
import { decideChunk, hasWrites } from "../../src/lane/decide-chunk.js";
import type { LaneItem } from "../../src/lane/lane-item.js";
import type { LaneLoop, LaneLoopOptions } from "../../src/lane/lane-loop.js";
import { encodeChunk, type ToLane } from "../../src/lane/lane-message.js";
import type { ChunkState, ChunkWrites, EntryFrame, LaneStore, LogReader } from "../../src/store/contract.js";
import type { Socket, SocketHandler } from "../../src/transport/http.js";
import { unpackVerifiedRequests } from "../../src/verify/verified-request.js";
import type { ServiceVariant } from "./sim-service.js";

/** A lane that tells what it decided, and only then makes it durable: answers and all, or the entries alone. */
class HastyLane implements Pick<LaneLoop, "wake"> {
  readonly #options: LaneLoopOptions;
  readonly #early: "answers" | "entries";
  readonly #queue: LaneItem[] = [];
  #isRunning = false;
  #isStopping = false;

  constructor(options: LaneLoopOptions, early: "answers" | "entries") {
    this.#options = options;
    this.#early = early;
  }

  async wake(message: ToLane): Promise<void> {
    const { port, store, chunkEventsMax } = this.#options;
    for (let next: ToLane | undefined = message; next !== undefined; next = port.receive()) this.#take(next);
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#queue.length > 0) await this.#turn(cutChunk(this.#queue, chunkEventsMax));
    this.#isRunning = false;
    if (!this.#isStopping) return;
    await store[Symbol.asyncDispose]();
    port.close();
  }

  #take(message: ToLane): void {
    if (message.kind === "stop") this.#isStopping = true;
    else if (message.kind === "command") this.#queue.push(message.command);
    else for (const request of unpackVerifiedRequests(message.packed)) this.#queue.push({ kind: "ingest", request });
  }

  async #turn(items: readonly LaneItem[]): Promise<void> {
    const { store, port, clock, sequencer, sign, keyEpoch, pages } = this.#options;
    const context = { nowMs: clock.nowMs(), sequencer, sign, keyEpoch: Atomics.load(keyEpoch, 0) };
    if (items.some(({ kind }) => kind !== "ingest")) {
      const { message, transfer } = encodeChunk(items, await commitChunk(store, items, context), pages);
      port.post(message, transfer);
      return;
    }
    const state = await store.begin(chunkQuery(items, context.keyEpoch));
    const chunk = decideChunk(items, state, context);
    const outcome = { ...chunk, written: chunk.writes.entries, hasRevocations: false, commitMs: 0 };
    const answers = encodeChunk(items, { ...outcome, entries: [] }, pages);
    const entries = encodeChunk([], { ...outcome, answers: [] }, pages);
    const [first, second] = this.#early === "answers" ? [answers, entries] : [entries, answers];
    port.post(first.message, first.transfer);
    await (hasWrites(chunk.writes) ? store.commit(chunk.writes) : store.rollback());
    port.post(second.message, second.transfer);
  }
}

/** A commit that is on disk, until the process dies: then the last one was never there. */
class ForgetfulStore implements LaneStore {
  readonly identity;
  readonly #inner: LaneStore;
  readonly #folder: string;

  constructor(inner: LaneStore, folder: string) {
    this.#inner = inner;
    this.#folder = folder;
    this.identity = inner.identity;
  }

  begin(query: Parameters<LaneStore["begin"]>[0]): Promise<ChunkState> {
    return Promise.resolve(this.#inner.begin(query));
  }

  async commit(writes: ChunkWrites): Promise<void> {
    for (const name of FILES) {
      rmSync(join(this.#folder, `last-${name}`), { force: true });
      if (existsSync(join(this.#folder, name)))
        copyFileSync(join(this.#folder, name), join(this.#folder, `last-${name}`));
    }
    await this.#inner.commit(writes);
  }

  async rollback(): Promise<void> {
    await this.#inner.rollback();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#inner[Symbol.asyncDispose]());
  }
}

const FILES = ["sequencer.db", "sequencer.db-wal"];

function forgetLastCommit(folder: string): void {
  if (!existsSync(join(folder, "last-sequencer.db"))) return;
  for (const name of ["sequencer.db-shm", ...FILES]) {
    rmSync(join(folder, name), { force: true });
    if (existsSync(join(folder, `last-${name}`))) copyFileSync(join(folder, `last-${name}`), join(folder, name));
  }
}

/** Entries that a subscriber of the naive kind may have waiting. */
const QUEUE_ENTRIES_MAX = 4;

/**
 * The usual broadcaster: a queue per subscriber, filled from the moment it subscribes; history is read from the store first,
 * then the queue is sent. What does not fit into the queue is dropped.
 */
class QueueBroadcaster {
  readonly #reader: LogReader;
  readonly #subscribers = new Set<QueueSubscriber>();
  #told = 0;

  constructor(reader: LogReader) {
    this.#reader = reader;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  checkRoom(): void {}

  add(options: Omit<SubscriptionOptions, "onClosed" | "nextTurn">): QueueSubscriber {
    this.#told = options.source.nextOffset;
    const subscriber = new QueueSubscriber(options, this.#reader, () => this.#subscribers.delete(subscriber));
    this.#subscribers.add(subscriber);
    return subscriber;
  }

  wake(): void {
    for (const subscriber of this.#subscribers) subscriber.offer(this.#told);
    const [any] = this.#subscribers;
    if (any !== undefined) this.#told = any.options.source.nextOffset;
  }

  async finishAll(): Promise<void> {}
}

class QueueSubscriber implements SocketHandler {
  readonly options: Omit<SubscriptionOptions, "onClosed" | "nextTurn">;
  readonly #reader: LogReader;
  readonly #onClosed: () => void;
  readonly #queue: EntryFrame[] = [];
  #socket: Socket | null = null;
  #isLive = false;

  constructor(options: QueueSubscriber["options"], reader: LogReader, onClosed: () => void) {
    this.options = options;
    this.#reader = reader;
    this.#onClosed = onClosed;
  }

  opened(socket: Socket): void {
    this.#socket = socket;
    void this.#sendHistory(this.options.fromOffset, this.options.source.nextOffset);
  }

  /** New entries from `fromOffset` on. */
  async offer(fromOffset: number): Promise<void> {
    const page = await this.options.source.page(fromOffset, this.options.query);
    for (const entry of page.entries) if (this.#queue.length < QUEUE_ENTRIES_MAX) this.#queue.push(entry);
    if (this.#isLive) this.drained();
  }

  drained(): void {
    while (this.#isLive && this.#queue.length > 0 && this.#socket?.bufferedBytes() === 0) {
      this.#send(this.#queue.shift()!);
    }
  }

  closed(): void {
    this.#socket = null;
    this.#onClosed();
  }

  async #sendHistory(fromOffset: number, end: number): Promise<void> {
    for (let next = fromOffset; next < end && this.#socket !== null; ) {
      const page = await this.#reader.page(next, this.options.query.filter, this.options.query.entriesMax);
      for (const entry of page.entries) if (entry.offset < end) this.#send(entry);
      next = page.nextOffset;
    }
    this.#isLive = true;
    this.drained();
  }

  #send({ frame }: EntryFrame): void {
    this.#socket?.send(this.options.isBatched ? Buffer.concat([Buffer.from("["), frame, Buffer.from("]")]) : frame);
  }
}

export interface PlantedBug {
  readonly name: string;
  readonly variant: ServiceVariant;
  /** What the judge says, roughly. */
  readonly verdict: RegExp;
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "a lane that acknowledges before the commit",
    variant: { lane: (options) => new HastyLane(options, "answers") },
    verdict: /acknowledged before it was durable/,
  },
  {
    name: "a broadcaster with a queue per subscriber that drops what does not fit",
    variant: { broadcaster: (_max, _turn, reader) => new QueueBroadcaster(reader) as unknown as Broadcaster },
    verdict: /missing, repeated or out of order|stands still/,
  },
  {
    name: "entries that are broadcast before the commit",
    variant: { lane: (options) => new HastyLane(options, "entries") },
    verdict: /sent before it was durable/,
  },
  {
    name: "a store that loses the last commit it reported, when the process dies",
    variant: { store: (store, folder) => new ForgetfulStore(store, folder), recover: forgetLastCommit },
    verdict: /is not in the log|is not what it was|was seen and is lost|missing, repeated|differs|beyond the head/,
  },
];
