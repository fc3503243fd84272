/**
 * Trees of committed or about-to-be-committed ranges, built off the main thread by a pool of one, which runs at a lower
 * priority than the signature workers. A range is built once, however many ask for it at the same time.
 * Bound: `buildsMax` ranges being built or waiting; more are refused with OVERLOADED.
 */
import { Piscina } from "piscina";
import { workerPath } from "../base/asset-paths.js";
import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import { WORKER_LIMITS } from "../base/worker-limits.js";
import { LegacyTree } from "../protocol/legacy-merkle.js";
import { MerkleTree } from "../protocol/merkle-tree.js";
import type { CommitmentSeries } from "../store/commitment-contract.js";

export interface TreeWorkerData {
  readonly folder: string;
}

/** Events `sequenceStart` to `sequenceEnd`, inclusive. All of them must be durable. */
export interface TreeTask {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly sequenceStart: number;
  readonly sequenceEnd: number;
}

/** What crosses to the thread. */
export interface TreeJob extends TreeTask {
  readonly series: CommitmentSeries;
  /** The state root that follows from rows is wanted too: of a legacy range that is to be committed. */
  readonly withStateRoot: boolean;
}

export interface TreeNodes {
  readonly nodes: Uint8Array<ArrayBuffer>;
  readonly stateRoot: Uint8Array | null;
}

export type CommitmentTree = MerkleTree | LegacyTree;

export interface BuiltTree {
  readonly tree: CommitmentTree;
  readonly stateRoot: Uint8Array | null;
}

export interface TreeBuilderOptions extends TreeWorkerData {
  readonly buildsMax: number;
}

/** Added to the thread's nice value where the platform has one: signatures go first when processors are short. */
const NICE_INCREMENT = 5;

export class TreeBuilder implements AsyncDisposable {
  readonly #pool: Piscina;
  readonly #buildsMax: number;
  readonly #building = new Map<string, Promise<BuiltTree>>();

  constructor({ folder, buildsMax }: TreeBuilderOptions) {
    this.#buildsMax = buildsMax;
    this.#pool = new Piscina({
      filename: workerPath("merkle"),
      workerData: { folder } satisfies TreeWorkerData,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      niceIncrement: NICE_INCREMENT,
      resourceLimits: WORKER_LIMITS,
    });
  }

  /** Ranges being built or waiting. */
  get builds(): number {
    return this.#building.size;
  }

  build(series: CommitmentSeries, range: TreeTask, withStateRoot = false): Promise<BuiltTree> {
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
    await this.#pool.destroy();
  }

  async #run(job: TreeJob): Promise<BuiltTree> {
    const { nodes, stateRoot } = (await this.#pool.run(job)) as TreeNodes;
    const Tree = job.series === "legacy" ? LegacyTree : MerkleTree;
    return { tree: new Tree(job.sequenceEnd - job.sequenceStart + 1, nodes), stateRoot };
  }
}
