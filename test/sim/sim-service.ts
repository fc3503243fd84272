/**
 * One process of the service: every part of `compose.ts` that an entry passes, wired alike, but each thread is a queue of
 * the scheduler. The store is the real one, on memory-backed files. A crash drops its queues and its connections.
 */
import { EventEmitter } from "node:events";
import { agentKeyRoutes } from "../../src/api/agent-keys.js";
import { ingestRoutes } from "../../src/api/ingest.js";
import { logRoutes } from "../../src/api/log.js";
import { subscribeRoutes } from "../../src/api/subscribe.js";
import type { Authenticator } from "../../src/auth/authenticator.js";
import { BOOTSTRAP_SCOPE } from "../../src/auth/principal.js";
import { migrationsPath } from "../../src/base/asset-paths.js";
import type { Clock } from "../../src/base/clock.js";
import type { Uuid } from "../../src/base/ids.js";
import { Submissions } from "../../src/base/submissions.js";
import { Broadcaster } from "../../src/broadcast/broadcaster.js";
import { EntrySource } from "../../src/broadcast/entry-source.js";
import { KeptPages } from "../../src/broadcast/kept-pages.js";
import { Tail } from "../../src/broadcast/tail.js";
import { Lane, type LaneThread } from "../../src/lane/lane.js";
import { LaneLoop, type LaneLoopOptions } from "../../src/lane/lane-loop.js";
import type { FromLane, LaneWorkerData, ToLane } from "../../src/lane/lane-message.js";
import type { LaneStore, LogHead, LogReader } from "../../src/store/contract.js";
import { PageRing } from "../../src/store/page-ring.js";
import { openReader } from "../../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../../src/store/sqlite/log-reader.js";
import { openLaneStore } from "../../src/store/sqlite/open-lane-store.js";
import type { Route, SocketRoute } from "../../src/transport/http.js";
import { BatchVerifier } from "../../src/verify/batch-verifier.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { KeyDirectory } from "../../src/verify/key-directory.js";
import { Verifier } from "../../src/verify/verifier.js";
import type { VerifyTask } from "../../src/verify/verify-task.js";
import type { VerifyPool } from "../../src/verify/verify-threads.js";
import { FaultyStore, type StoreFaults } from "./faulty-store.js";
import type { Scheduler } from "./scheduler.js";

const ed25519 = selectEd25519();
const SIGNING_SEED = new Uint8Array(32).fill(7);
const SEQUENCER = {
  sequencerId: "11111111-1111-4111-8111-111111111111" as Uuid,
  publicKey: ed25519.publicKey(SIGNING_SEED),
};
const FRESH_LOG_ID = "22222222-2222-4222-8222-222222222222" as Uuid;
/** Who may do what is no subject here: everybody may. */
const EVERYBODY = {
  authenticate: () => Promise.resolve({ scope: BOOTSTRAP_SCOPE, credential: null, expiresAtMs: null }),
} as unknown as Authenticator;

/** How far the service's clock may jump forth and back, milliseconds. */
const CLOCK_JUMP_MS = 60_000;
const VERIFY_THREADS = 2;
const READ_THREADS = 2;

/** Sizes that differ from run to run: small ones, so that every bound is reached. */
export interface ServiceSizes {
  readonly chunkEventsMax: number;
  readonly laneQueueEventsMax: number;
  readonly requestsMax: number;
  readonly tailBytesMax: number;
  readonly pageRingSlackBytes: number;
  readonly generationPlaces: number;
  readonly pageBytesMax: number;
  readonly pageEntriesMax: number;
  readonly catchUpMax: number;
  readonly subscribersMax: number;
  readonly readAheadBytesMax: number;
}

/** The parts a planted bug replaces. */
export interface ServiceVariant {
  readonly store?: (store: LaneStore, folder: string) => LaneStore;
  readonly lane?: (options: LaneLoopOptions) => Pick<LaneLoop, "wake">;
  readonly broadcaster?: (subscribersMax: number, nextTurn: () => Promise<unknown>, reader: LogReader) => Broadcaster;
  /** After a crash, before the folder is opened again. */
  readonly recover?: (folder: string) => void;
}

export interface SimServiceOptions {
  readonly scheduler: Scheduler;
  readonly folder: string;
  /** Prefix of the process's queues, with a number that no other process has. */
  readonly name: string;
  readonly sizes: ServiceSizes;
  readonly variant: ServiceVariant;
  faults(): StoreFaults;
  onFull(): void;
  onFatal(error: Error): void;
}

export class SimService {
  readonly head: () => LogHead;
  readonly broadcaster: Broadcaster;
  readonly routes: ReadonlyMap<string, Route>;
  readonly socketRoute: SocketRoute;
  readonly #lane: Lane;
  readonly #close: () => void;

  private constructor(options: SimServiceOptions, parts: { lane: Lane; head: LogHead; opened: Opened }) {
    const { scheduler, name, sizes, variant } = options;
    const clock = jumpingClock(scheduler);
    const { lane, head, opened } = parts;
    const { keyEpoch, submissions } = opened;
    const { reader, close: closeReader } = simReader(options);
    const tail = new Tail(head.nextOffset, { bytesMax: sizes.tailBytesMax, pageBytesMax: sizes.pageBytesMax });
    const source = new EntrySource(head, tail, reader, new KeptPages(sizes.readAheadBytesMax));
    const nextTurn = (): Promise<void> => scheduler.turn(`${name}main`, () => {});
    const broadcaster =
      variant.broadcaster?.(sizes.subscribersMax, nextTurn, reader) ?? new Broadcaster(sizes.subscribersMax, nextTurn);
    const worker = {
      limits: { eventsPerBatchMax: 100, eventPayloadBytesMax: 100_000 },
      rules: { entityTypes: [], futureMsMax: 3_600_000, isSchemaRequired: false },
      keyEpoch,
      keyCacheEntriesMax: 3,
    };
    const onFailure = (error: unknown): void => options.onFatal(error as Error);
    const keys = new KeyDirectory({ reader, keyEpoch, entriesMax: 2, ttlMs: 0 });
    const verifier = new Verifier(
      { worker, threads: VERIFY_THREADS, keys, lane, submissions, onFailure, onTask: () => {} },
      verifyPool(options, () => new BatchVerifier(worker, clock)),
    );
    lane.follow({
      onChunk: (_, page) => {
        if (page === null) return;
        tail.append(page);
        broadcaster.wake();
      },
      onRoom: () => verifier.pump(),
    });
    const newBatchId = (): Uuid => scheduler.random.uuid() as Uuid;
    const shared = { authenticator: EVERYBODY, submissions, verifier, lane, reader, source, broadcaster, clock };
    const shutdown = new AbortController().signal;
    const routes = [
      ...ingestRoutes({ ...shared, newBatchId, onAnswered: () => {} }),
      ...logRoutes({ ...shared, shutdown }),
      ...agentKeyRoutes({ ...shared, policy: { isProofOptional: true }, onRevoked: () => {} }),
    ];
    this.routes = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]));
    this.socketRoute = subscribeRoutes({
      ...shared,
      ...{ shutdown, entriesPerPageMax: sizes.pageEntriesMax, catchUpMax: sizes.catchUpMax },
      ...{ onFrames: () => {}, onError: onFailure },
    })[0]!;
    this.head = () => source.head;
    this.broadcaster = broadcaster;
    this.#lane = lane;
    this.#close = () => {
      closeReader();
      void opened.store[Symbol.asyncDispose]();
    };
  }

  /** Opens the folder as a start does and resolves when the service would listen. */
  static async start(options: SimServiceOptions): Promise<SimService> {
    const opened = open(options);
    const { thread, worker, submissions } = opened;
    const laneOptions = {
      ...{ worker, submissions, queueEventsMax: options.sizes.laneQueueEventsMax },
      onFailure: (error: Error) => options.onFatal(error),
    };
    const { lane, head } = await Lane.start(laneOptions, thread);
    return new SimService(options, { lane, head, opened });
  }

  /** The clean end: commits what is queued and closes the store. */
  stop(): Promise<void> {
    return this.#lane[Symbol.asyncDispose]();
  }

  /** The process is gone. An open transaction goes with its connection. */
  kill(): void {
    this.#close();
  }
}

interface Opened {
  readonly thread: LaneThread;
  readonly store: LaneStore;
  readonly worker: LaneWorkerData;
  readonly keyEpoch: SharedArrayBuffer;
  readonly submissions: Submissions;
}

function open(options: SimServiceOptions): Opened {
  const { scheduler, folder, name, sizes, variant } = options;
  const keyEpoch = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const submissions = new Submissions({ requestsMax: sizes.requestsMax, bytesMax: 200_000 });
  const { sequencerId } = SEQUENCER;
  const worker: LaneWorkerData = {
    ...{ folder, migrationsFolder: migrationsPath("sqlite"), freshLogId: FRESH_LOG_ID, sequencerId },
    ...{
      signingSeed: SIGNING_SEED,
      chunkEventsMax: sizes.chunkEventsMax,
      rejectionsKeptMax: 100,
      keyEpoch,
      leafRing: null,
      pageRing: PageRing.allocate(sizes.tailBytesMax, sizes.pageRingSlackBytes),
    },
  };
  const { store: sqlite, head } = openLaneStore({
    ...{ ...worker, sequencer: SEQUENCER, nowMs: scheduler.nowMs() },
    generationPlaces: sizes.generationPlaces,
  });
  const faulty = new FaultyStore(sqlite, scheduler, `${name}lane`, options);
  const store = variant.store?.(faulty, folder) ?? faulty;
  const thread = new SimLaneThread(scheduler, name, (port) => {
    const loop: LaneLoopOptions = {
      ...{ store, port, clock: jumpingClock(scheduler), sequencer: SEQUENCER, chunkEventsMax: sizes.chunkEventsMax },
      keyEpoch: new Int32Array(keyEpoch),
      pages: new PageRing(worker.pageRing),
      sign: (receiptHash) => ed25519.sign(receiptHash, SIGNING_SEED),
    };
    return variant.lane?.(loop) ?? new LaneLoop(loop);
  });
  thread.post({ kind: "ready", found: { head, clockBehindMs: 0, formerSigner: null } }, []);
  return { thread, store, worker, keyEpoch, submissions };
}

function jumpingClock(scheduler: Scheduler): Clock {
  return { nowMs: () => scheduler.nowMs() + scheduler.random.below(2 * CLOCK_JUMP_MS) - CLOCK_JUMP_MS };
}

/** The lane's thread: messages are moved as between threads, and arrive in order, later. */
class SimLaneThread extends EventEmitter implements LaneThread {
  readonly #scheduler: Scheduler;
  readonly #name: string;
  readonly #arrived: ToLane[] = [];
  readonly #loop: Pick<LaneLoop, "wake">;

  constructor(scheduler: Scheduler, name: string, loop: (port: LaneLoopOptions["port"]) => Pick<LaneLoop, "wake">) {
    super();
    this.#scheduler = scheduler;
    this.#name = name;
    this.#loop = loop({
      receive: () => this.#arrived.shift(),
      post: (message, transfer) => this.post(message, transfer),
      close: () => void this.emit("exit", 0),
    });
  }

  postMessage(message: ToLane, transfer: ArrayBuffer[]): void {
    const moved = structuredClone(message, { transfer });
    this.#scheduler.post(`${this.#name}to-lane`, () => {
      this.#arrived.push(moved);
      this.#scheduler.post(`${this.#name}lane`, () => this.#wake());
    });
  }

  post(message: FromLane, transfer: ArrayBuffer[]): void {
    const moved = structuredClone(message, { transfer });
    this.#scheduler.post(`${this.#name}from-lane`, () => this.emit("message", moved));
  }

  /** The loop may have taken the message by itself. */
  #wake(): void {
    const message = this.#arrived.shift();
    if (message === undefined) return;
    this.#loop.wake(message).catch((error: Error) => this.emit("error", error));
  }
}

/** Verify threads: a task is worked on in one step and its result arrives in another, perhaps much later. */
function verifyPool({ scheduler, name }: SimServiceOptions, newWorker: () => BatchVerifier): VerifyPool {
  const workers = Array.from({ length: VERIFY_THREADS }, newWorker);
  let tasks = 0;
  return {
    loaded: Promise.resolve(),
    async run(task: VerifyTask) {
      const thread = tasks++ % workers.length;
      const moved = structuredClone(task, { transfer: [task.packed.buffer as ArrayBuffer] });
      const queue = `${name}verify${thread}`;
      const result = await scheduler.turn(queue, () => workers[thread]!.verify(moved));
      return scheduler.turn(queue, () => result);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Reader threads on connections of their own: what a read saw may be old when it arrives. */
function simReader({ scheduler, folder, name, sizes }: SimServiceOptions): { reader: LogReader; close: () => void } {
  const db = openReader(folder);
  const sqlite = new SqliteLogReader(db, sizes.pageBytesMax);
  let reads = 0;
  const read = async <T>(work: () => T): Promise<T> => {
    const queue = `${name}read${reads++ % READ_THREADS}`;
    const result = await scheduler.turn(queue, work);
    return scheduler.turn(queue, () => result);
  };
  const reader: LogReader = {
    head: () => read(() => sqlite.head()),
    formerSequencers: (current) => read(() => sqlite.formerSequencers(current)),
    page: (...args) => read(() => sqlite.page(...args)),
    streamPage: (range) => read(() => sqlite.streamPage(range)),
    streamHead: (...args) => read(() => sqlite.streamHead(...args)),
    legacyPage: (range) => read(() => sqlite.legacyPage(range)),
    legacyHistory: (...args) => read(() => sqlite.legacyHistory(...args)),
    entryByEventId: (eventId) => read(() => sqlite.entryByEventId(eventId)),
    agentKey: (ref) => read(() => sqlite.agentKey(ref)),
    agentKeys: (range) => read(() => sqlite.agentKeys(range)),
    apiKey: (keyHash) => read(() => sqlite.apiKey(keyHash)),
    apiKeyByPrefix: (...args) => read(() => sqlite.apiKeyByPrefix(...args)),
    apiKeys: (range) => read(() => sqlite.apiKeys(range)),
    [Symbol.asyncDispose]: async () => {},
  };
  return { reader, close: () => db.close() };
}
