/**
 * The lane as the main thread holds it: verified requests and commands go in, durable chunks come out. A lane that fails
 * takes the process with it (`onFailure`): what it holds in memory may be ahead of the disk.
 */
import type { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";
import { workerPath } from "../base/asset-paths.js";
import { CodedError, threadError } from "../base/errors.js";
import type { Submissions } from "../base/submissions.js";
import { WORKER_LIMITS } from "../base/worker-limits.js";
import { PackedPage } from "../store/packed-page.js";
import { PageRing } from "../store/page-ring.js";
import type { UpgradeStep } from "../store/sqlite/migrate.js";
import type { FoundLog } from "../store/sqlite/open-lane-store.js";
import type { IngestForm } from "../verify/verify-request.js";
import type { CommandResult, LaneCommand, LaneCommandBody } from "./lane-item.js";
import {
  type ChunkMessage,
  type FromLane,
  type LaneWorkerData,
  type ToLane,
  unpackIngestAnswers,
} from "./lane-message.js";

export interface LaneOptions {
  readonly worker: LaneWorkerData;
  readonly submissions: Submissions;
  /** Events that may be handed to the lane and not yet be committed. */
  readonly queueEventsMax: number;
  onFailure(error: Error): void;
  /** A log of an older version is brought up to date before the lane is ready. */
  onUpgrade?(step: UpgradeStep): void;
}

/** Where the lane runs: emits "message" (`FromLane`), "error" and "exit" (code). A worker thread, or a simulation of one. */
export interface LaneThread extends EventEmitter {
  postMessage(message: ToLane, transfer: ArrayBuffer[]): void;
}

/** Who follows the lane. Called once per durable chunk, in order. */
export interface LaneFollower {
  /**
   * The chunk is durable; its answers are not given yet. `page` holds its new entries, null if it has none. Whoever gets
   * pages releases them, in order.
   */
  onChunk(chunk: ChunkMessage, page: PackedPage | null): void;
  /** Its answers are given: there is room in the queue again. */
  onRoom(): void;
}

export class Lane implements AsyncDisposable {
  readonly #thread: LaneThread;
  readonly #options: LaneOptions;
  readonly #pages: PageRing;
  readonly #exited: Promise<void>;
  #follower: LaneFollower | null = null;
  #queuedEvents = 0;
  #lastIngestMs = Number.NEGATIVE_INFINITY;
  #isStopping = false;

  private constructor(thread: LaneThread, options: LaneOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#pages = new PageRing(options.worker.pageRing);
    this.#exited = new Promise((resolve) => {
      thread.once("exit", (code: number) => {
        if (!this.#isStopping) options.onFailure(new Error(`the lane's thread ended with code ${code}`));
        resolve();
      });
    });
    thread.on("error", (error: Error) => options.onFailure(threadError("lane", error)));
    thread.on("message", (message: FromLane) => {
      if (message.kind === "chunk") this.#deliver(message);
    });
  }

  /** Starts the thread, brings the store up to date and tells what it found. */
  static async start(
    options: LaneOptions,
    thread: LaneThread = laneThread(options.worker),
  ): Promise<{ lane: Lane } & FoundLog> {
    const found = await new Promise<FoundLog>((resolve, reject) => {
      thread.once("error", (error: Error) => reject(threadError("lane", error)));
      thread.on("message", (message: FromLane) => {
        if (message.kind === "upgrade") options.onUpgrade?.(message.step);
        if (message.kind === "ready") resolve(message.found);
      });
    });
    thread.removeAllListeners("error").removeAllListeners("message");
    return { lane: new Lane(thread, options), ...found };
  }

  /** Milliseconds since events were last handed to the lane. */
  get ingestIdleMs(): number {
    return performance.now() - this.#lastIngestMs;
  }

  /** One follower, set before anything is submitted. */
  follow(follower: LaneFollower): void {
    this.#follower = follower;
  }

  get queuedEvents(): number {
    return this.#queuedEvents;
  }

  hasRoom(): boolean {
    return this.#queuedEvents < this.#options.queueEventsMax;
  }

  /** Hands over packed verified requests; their submissions are answered when their chunk is durable. */
  submit(form: IngestForm, packed: Uint8Array<ArrayBuffer>, events: number): void {
    this.#lastIngestMs = performance.now();
    this.#queuedEvents += events;
    this.#post({ kind: "ingest", form, packed }, [packed.buffer]);
  }

  /**
   * Orders a command that carries `bytes` of data. Rejects with the CodedError of its refusal, or OVERLOADED. `flow`: whose
   * share of the queue it takes, null = the service's own, or of work that is bounded before it comes here.
   */
  async command<R extends CommandResult>(
    body: LaneCommandBody,
    { bytes = 0, flow = null }: { readonly bytes?: number; readonly flow?: string | null } = {},
  ): Promise<R> {
    const { requestId, answer } = this.#options.submissions.open<R>(bytes, flow);
    this.#queuedEvents += 1;
    this.#post({ kind: "command", command: { ...body, requestId } as LaneCommand }, []);
    return answer;
  }

  /** Commits what is queued, closes the store, ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    this.#post({ kind: "stop" }, []);
    await this.#exited;
  }

  #deliver(chunk: ChunkMessage): void {
    const { submissions } = this.#options;
    this.#queuedEvents -= chunk.events;
    this.#follower?.onChunk(chunk, chunk.page === null ? null : PackedPage.from(this.#pages, chunk.page));
    for (const { requestId, body } of unpackIngestAnswers(chunk.ingestAnswers)) submissions.answer(requestId, body);
    for (const answer of chunk.otherAnswers) {
      if (answer.ok) submissions.answer(answer.requestId, answer.body);
      else submissions.refuse(answer.requestId, new CodedError(answer.code, answer.message));
    }
    this.#follower?.onRoom();
  }

  #post(message: ToLane, transfer: ArrayBuffer[]): void {
    this.#thread.postMessage(message, transfer);
  }
}

function laneThread(workerData: LaneWorkerData): Worker {
  return new Worker(workerPath("lane"), { workerData, name: "lane", resourceLimits: WORKER_LIMITS });
}
