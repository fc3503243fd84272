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
import { MerkleTree } from "../protocol/merkle-tree.js";

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

export interface TreeBuilderOptions extends TreeWorkerData {
  readonly buildsMax: number;
}

/** Added to the thread's nice value where the platform has one: signatures go first when processors are short. */
const NICE_INCREMENT = 5;

export class TreeBuilder implements AsyncDisposable {
  readonly #pool: Piscina;
  readonly #buildsMax: number;
  readonly #building = new Map<string, Promise<MerkleTree>>();

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

  build({ tenantId, storeId, sequenceStart, sequenceEnd }: TreeTask): Promise<MerkleTree> {
    const name = `${tenantId}${storeId}:${sequenceStart}:${sequenceEnd}`;
    const running = this.#building.get(name);
    if (running !== undefined) return running;
    if (this.#building.size >= this.#buildsMax)
      throw new CodedError("OVERLOADED", "too many Merkle trees in the making");
    const tree = this.#run({ tenantId, storeId, sequenceStart, sequenceEnd }).finally(() =>
      this.#building.delete(name),
    );
    this.#building.set(name, tree);
    return tree;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  async #run(task: TreeTask): Promise<MerkleTree> {
    const nodes = (await this.#pool.run(task)) as Uint8Array<ArrayBuffer>;
    return new MerkleTree(task.sequenceEnd - task.sequenceStart + 1, nodes);
  }
}
