/**
 * Trees of committed or about-to-be-committed ranges, built by a thread that exists while there is work for it and runs at a
 * lower priority than the signature workers. A range is built once, however many ask for it at the same time.
 * Bound: `buildsMax` ranges being built or waiting; more are refused with OVERLOADED.
 */
import { workerPath } from "../base/asset-paths.js";
import { CodedError } from "../base/errors.js";
import { OnDemandThreads, type OnDemandThreadsOptions } from "../base/on-demand-threads.js";
import type { CommitmentTree } from "../protocol/commitment-tree.js";
import { LegacyTree } from "../protocol/legacy-merkle.js";
import { MerkleTree } from "../protocol/merkle-tree.js";
import type { CommitmentSeries, EventRange } from "../store/commitment-contract.js";

export interface TreeWorkerData {
  readonly folder: string;
}

/** What crosses to the thread. */
export interface TreeJob extends EventRange {
  readonly series: CommitmentSeries;
  /** The state root that follows from rows is wanted too: of a legacy range that is to be committed. */
  readonly withStateRoot: boolean;
}

/** What crosses back. */
export interface BuiltNodes {
  readonly nodes: Uint8Array<ArrayBuffer>;
  readonly stateRoot: Uint8Array | null;
}

export interface BuiltTree {
  readonly tree: CommitmentTree;
  readonly stateRoot: Uint8Array | null;
}

export interface TreeBuilderOptions
  extends TreeWorkerData,
    Pick<OnDemandThreadsOptions, "idleMs" | "starts" | "onFailure"> {
  readonly buildsMax: number;
}

export class TreeBuilder implements AsyncDisposable {
  readonly #threads: OnDemandThreads<TreeJob>;
  readonly #buildsMax: number;
  readonly #building = new Map<string, Promise<BuiltTree>>();

  constructor({ folder, buildsMax, ...threads }: TreeBuilderOptions) {
    this.#buildsMax = buildsMax;
    this.#threads = new OnDemandThreads({
      ...threads,
      name: "merkle",
      path: workerPath("merkle"),
      workerData: { folder } satisfies TreeWorkerData,
      threadsMax: 1,
    });
  }

  /** Ranges being built or waiting. */
  get builds(): number {
    return this.#building.size;
  }

  /**
   * The tree of a range of durable events. Throws OVERLOADED beyond the bound; rejects with SERVICE_UNAVAILABLE when the
   * thread cannot be had.
   */
  build(series: CommitmentSeries, range: EventRange, withStateRoot = false): Promise<BuiltTree> {
    const { tenantId, storeId, sequenceStart, sequenceEnd } = range;
    const name = `${series}:${tenantId}${storeId}:${sequenceStart}:${sequenceEnd}:${withStateRoot}`;
    const running = this.#building.get(name);
    if (running !== undefined) return running;
    if (this.#building.size >= this.#buildsMax)
      throw new CodedError("OVERLOADED", "too many Merkle trees in the making");
    const job = { series, tenantId, storeId, sequenceStart, sequenceEnd, withStateRoot };
    const tree = this.#run(job).finally(() => this.#building.delete(name));
    this.#building.set(name, tree);
    return tree;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }

  async #run(job: TreeJob): Promise<BuiltTree> {
    const { nodes, stateRoot } = (await this.#threads.run(job)) as BuiltNodes;
    const Tree = job.series === "legacy" ? LegacyTree : MerkleTree;
    return { tree: new Tree(job.sequenceEnd - job.sequenceStart + 1, nodes), stateRoot };
  }
}
