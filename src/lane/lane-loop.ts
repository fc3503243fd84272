/**
 * The lane's turns, one after another: the only writer. While one chunk is being flushed the next one gathers in the port;
 * so an idle service commits single requests at once and a busy one commits many together, without a timer. Port, clock and
 * store are arguments: `workers/lane.ts` runs it on a thread of its own, `test/sim` under a scheduler.
 */
import type { Clock } from "../base/clock.js";
import { crashPoint } from "../base/crash-point.js";
import type { LaneStore } from "../store/contract.js";
import type { LeafRing } from "../store/leaf-ring.js";
import type { PageRing } from "../store/page-ring.js";
import { unpackLegacyRequests } from "../verify/legacy-request.js";
import { unpackVerifiedRequests } from "../verify/verified-request.js";
import type { LaneContext } from "./chunk.js";
import { commitChunk } from "./commit-chunk.js";
import { cutChunk } from "./cut-chunk.js";
import type { LaneItem } from "./lane-item.js";
import { encodeChunk, type FromLane, type ToLane } from "./lane-message.js";

/** The way between the lane and the main thread. */
export interface LanePort {
  /** The next message that has arrived, undefined when there is none; never waits. */
  receive(): ToLane | undefined;
  post(message: FromLane, transfer: ArrayBuffer[]): void;
  close(): void;
}

export interface LaneLoopOptions extends Pick<LaneContext, "sequencer" | "sign"> {
  readonly store: LaneStore;
  readonly port: LanePort;
  readonly clock: Clock;
  /** Shared, the revocation epoch: how many chunks with revocations are durable. */
  readonly keyEpoch: Int32Array;
  readonly chunkEventsMax: number;
  /** Where new entries go for the main thread. */
  readonly pages: PageRing;
  /** Where new entries' leaves go for the log's tree; left out = nobody follows. */
  readonly leaves?: Pick<LeafRing, "offer">;
}

export class LaneLoop {
  readonly #options: LaneLoopOptions;
  readonly #queue: LaneItem[] = [];
  #isRunning = false;
  #isStopping = false;

  constructor(options: LaneLoopOptions) {
    this.#options = options;
  }

  /**
   * A message woke the lane. Rejects with what a turn throws (a failed flush, a failed assertion): the thread must end then,
   * and with it the process, because memory is ahead of disk.
   */
  async wake(message: ToLane): Promise<void> {
    this.#take(message);
    if (!this.#isRunning) await this.#run();
  }

  async #run(): Promise<void> {
    const { store, port, chunkEventsMax } = this.#options;
    this.#isRunning = true;
    for (this.#drain(); this.#queue.length > 0; this.#drain()) {
      await this.#turn(cutChunk(this.#queue, chunkEventsMax));
    }
    this.#isRunning = false;
    if (!this.#isStopping) return;
    await store[Symbol.asyncDispose]();
    port.close();
  }

  async #turn(items: readonly LaneItem[]): Promise<void> {
    const { store, port, clock, sequencer, sign, keyEpoch, pages, leaves } = this.#options;
    const context = { nowMs: clock.nowMs(), sequencer, sign, keyEpoch: Atomics.load(keyEpoch, 0) };
    const outcome = await commitChunk(store, items, context);
    // Before the answers go out: whoever hears of a revocation can rely on it.
    if (outcome.hasRevocations) {
      crashPoint("revocation.committed");
      Atomics.add(keyEpoch, 0, 1);
      crashPoint("revocation.epoch-raised");
    }
    const { message, transfer } = encodeChunk(items, outcome, pages);
    port.post(message, transfer);
    crashPoint("lane.answered");
    // Last: they are durable, and nobody waits for them.
    leaves?.offer(outcome.written);
  }

  /** Takes everything that arrived during the last flush, without going back to the event loop. */
  #drain(): void {
    const { port } = this.#options;
    for (let next = port.receive(); next !== undefined; next = port.receive()) this.#take(next);
  }

  #take(message: ToLane): void {
    if (message.kind === "stop") this.#isStopping = true;
    else if (message.kind === "command") this.#queue.push(message.command);
    else if (message.form === "legacy") {
      for (const request of unpackLegacyRequests(message.packed)) this.#queue.push({ kind: "ingest_legacy", request });
    } else for (const request of unpackVerifiedRequests(message.packed)) this.#queue.push({ kind: "ingest", request });
  }
}
