/**
 * Commits ranges of a stream: builds the tree off the lane, then lets the lane, the only writer, decide and store it.
 * Nothing is kept between requests, so a crash between any two steps leaves either no commitment or a whole one, and
 * concurrent requests for one stream are put in order by the lane. Bound: `eventsMax` events per commitment.
 */
import { CodedError } from "../base/errors.js";
import type { StreamName, UuidSource } from "../base/ids.js";
import { judgeRange } from "../lane/decide-commitment.js";
import type { Lane } from "../lane/lane.js";
import type { Commitment, CommitmentReader, CommitmentSeries, EventRange } from "../store/commitment-contract.js";
import type { TreeBuilder } from "./tree-builder.js";
import type { TreeCache } from "./tree-cache.js";

/** Who wanted the commitment. */
export type CommitTrigger = "request" | "automatic";

export interface CommitterOptions {
  readonly series: CommitmentSeries;
  readonly reader: CommitmentReader;
  readonly builder: TreeBuilder;
  readonly trees: TreeCache;
  readonly lane: Pick<Lane, "command">;
  readonly newBatchId: UuidSource;
  readonly eventsMax: number;
  /** A new commitment is durable; `durationMs` from the request on. */
  onCommitted(treeDepth: number, trigger: CommitTrigger, durationMs: number): void;
}

export class Committer {
  readonly #options: CommitterOptions;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /**
   * Commits exactly this range, or answers with the stored commitment of it. Throws the refusals of `judgeRange`,
   * BATCH_TOO_LARGE, OVERLOADED and SERVICE_UNAVAILABLE as `TreeBuilder.build` does, and what the lane refuses with. `by`: see `LaneCommand`.
   */
  async commit(range: EventRange, trigger: CommitTrigger, by: string | null): Promise<Commitment> {
    const startedMs = performance.now();
    const { series, reader, builder, trees, lane, newBatchId, eventsMax } = this.#options;
    const { tenantId, storeId, sequenceStart, sequenceEnd } = range;
    // Asked before the work, so that a range that cannot be committed costs no tree.
    const verdict = judgeRange(range, await reader.chainState(tenantId, storeId, sequenceStart), series);
    if (verdict.kind === "refused") throw new CodedError(verdict.refusal.code, verdict.refusal.message);
    if (verdict.kind === "stored") return verdict.commitment;
    if (sequenceEnd - sequenceStart >= eventsMax) {
      throw new CodedError("BATCH_TOO_LARGE", `a commitment covers at most ${eventsMax} events`);
    }
    // Crash from here to the lane's flush: no commitment. The next request, or the next tick, starts over from rows.
    const { tree, stateRoot } = await builder.build(series, range, {
      withStateRoot: series === "legacy",
      isAutomatic: trigger === "automatic",
    });
    const batchId = newBatchId();
    const commitment = await lane.command<Commitment>({
      kind: "commit_range",
      ...{ by, series, stateRoot, batchId, tenantId, storeId, sequenceStart, sequenceEnd },
      merkleRoot: tree.root.slice(),
    });
    // Crash from here on: the commitment is durable and unanswered. The same range again is answered with it.
    trees.put(commitment.batchId, tree);
    if (commitment.batchId === batchId) this.#options.onCommitted(tree.depth, trigger, performance.now() - startedMs);
    return commitment;
  }

  /** Commits what follows the stream's last commitment, at most `eventsMax` events. Throws INVALID_STATE_TRANSITION when there is nothing. */
  async commitNext(
    { tenantId, storeId }: StreamName,
    eventsMax: number,
    trigger: CommitTrigger,
    by: string | null,
  ): Promise<Commitment> {
    const { head, last } = await this.#options.reader.chainState(tenantId, storeId, 1);
    const sequenceStart = (last?.sequenceEnd ?? 0) + 1;
    const sequenceEnd = Math.min(head, sequenceStart + Math.min(eventsMax, this.#options.eventsMax) - 1);
    if (head === 0) throw new CodedError("INVALID_STATE_TRANSITION", "no events to commit");
    if (sequenceEnd < sequenceStart) {
      throw new CodedError("INVALID_STATE_TRANSITION", `no new events to commit (head_sequence=${head})`);
    }
    return this.commit({ tenantId, storeId, sequenceStart, sequenceEnd }, trigger, by);
  }
}
