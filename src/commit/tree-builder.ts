/**
 * Trees of committed or about-to-be-committed ranges, built by a thread that exists while there is work for it and runs at a
 * lower priority than the signature workers. A range is built once, however many ask for it at the same time.
 * Bound: `buildsMax` ranges being built or waiting; more are refused with OVERLOADED, of one tenant earlier, so that no tenant
 * can shut the others out. Tenants have the thread in turn: who floods it has others wait for one turn and not for a backlog.
 */
import { workerPath } from "../base/asset-paths.js";
import { CodedError } from "../base/errors.js";
import { FairQueue } from "../base/fair-queue.js";
import { FlowTable, FREE_SHARES_MAX } from "../base/flow-table.js";
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

export interface TreeOptions {
  /** Of a legacy range that is to be committed. */
  readonly withStateRoot?: boolean;
  /** Not asked for by a request: a share and turns beside those of the tenant's own requests. */
  readonly isAutomatic?: boolean;
}

/** What waits for the thread. */
interface Build {
  readonly job: TreeJob;
  resolve(built: BuiltTree | Promise<BuiltTree>): void;
}

interface FlowUse {
  builds: number;
}

/** Events of one flow's turn, about a third of a second. */
const TURN_EVENTS = 65_536;

export class TreeBuilder implements AsyncDisposable {
  readonly #threads: OnDemandThreads<TreeJob>;
  readonly #buildsMax: number;
  readonly #building = new Map<string, Promise<BuiltTree>>();
  readonly #waiting = new FairQueue<Build>(TURN_EVENTS);
  readonly #flows = new FlowTable<FlowUse>(
    () => ({ builds: 0 }),
    ({ builds }) => builds === 0,
  );
  #isBusy = false;

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
   * The tree of a range of durable events. Throws OVERLOADED beyond the bound or the tenant's share; rejects with
   * SERVICE_UNAVAILABLE when the thread cannot be had.
   */
  build(series: CommitmentSeries, range: EventRange, options: TreeOptions = {}): Promise<BuiltTree> {
    const { withStateRoot = false, isAutomatic = false } = options;
    const { tenantId, storeId, sequenceStart, sequenceEnd } = range;
    const flow = isAutomatic ? `${tenantId}/automatic` : tenantId;
    const name = `${flow}:${series}:${storeId}:${sequenceStart}:${sequenceEnd}:${withStateRoot}`;
    const running = this.#building.get(name);
    if (running !== undefined) return running;
    const use = this.#takeShare(flow);
    const job = { series, tenantId, storeId, sequenceStart, sequenceEnd, withStateRoot };
    const tree = new Promise<BuiltTree>((resolve) => this.#waiting.push(flow, { job, resolve }, costOf(job))).finally(
      () => {
        use.builds -= 1;
        this.#building.delete(name);
      },
    );
    this.#building.set(name, tree);
    this.#next();
    return tree;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }

  #takeShare(flow: string): FlowUse {
    const free = this.#buildsMax - this.#building.size;
    if (free <= 0) throw new CodedError("OVERLOADED", "too many Merkle trees in the making");
    const use = this.#flows.of(flow);
    // The first one of a flow is always its share.
    if (use.builds > 0 && use.builds >= FREE_SHARES_MAX * free) {
      throw new CodedError("OVERLOADED", "too many Merkle trees of one tenant in the making");
    }
    use.builds += 1;
    return use;
  }

  /** Hands the thread its next tree when it has none: what it has can no longer be overtaken. */
  #next(): void {
    if (this.#isBusy) return;
    const build = this.#waiting.shift();
    if (build === undefined) return;
    this.#isBusy = true;
    build.resolve(
      this.#run(build.job).finally(() => {
        this.#isBusy = false;
        this.#next();
      }),
    );
  }

  async #run(job: TreeJob): Promise<BuiltTree> {
    const { nodes, stateRoot } = (await this.#threads.run(job)) as BuiltNodes;
    const Tree = job.series === "legacy" ? LegacyTree : MerkleTree;
    return { tree: new Tree(job.sequenceEnd - job.sequenceStart + 1, nodes), stateRoot };
  }
}

/** In events. A state root of legacy events is of all the stream's entities, however short the range: it is a turn of its own. */
function costOf({ sequenceStart, sequenceEnd, withStateRoot }: TreeJob): number {
  return withStateRoot ? TURN_EVENTS : sequenceEnd - sequenceStart + 1;
}
