/** What the service holds to commit and to prove: its parts, wired, and ended in reverse order. */
import type { Clock } from "../base/clock.js";
import { Disposals } from "../base/disposal.js";
import type { UuidSource } from "../base/ids.js";
import type { Lane } from "../lane/lane.js";
import type { CommitmentReader } from "../store/commitment-contract.js";
import { type AutoCommitThresholds, AutoCommitter } from "./auto-committer.js";
import { type CacheBounds, CommitmentDirectory } from "./commitment-directory.js";
import { Committer, type CommitterOptions } from "./committer.js";
import { InclusionProofs } from "./inclusion-proofs.js";
import { TreeBuilder } from "./tree-builder.js";
import { TreeCache } from "./tree-cache.js";

export interface CommitmentsOptions {
  readonly folder: string;
  readonly reader: CommitmentReader;
  readonly lane: Pick<Lane, "command">;
  readonly clock: Clock;
  readonly newBatchId: UuidSource;
  readonly shutdown: AbortSignal;
  readonly limits: CommitmentLimits;
  readonly onCommitted: CommitterOptions["onCommitted"];
  /** An automatic commitment failed; it is tried again. */
  onFailure(error: unknown): void;
}

export interface CommitmentLimits {
  readonly eventsMax: number;
  readonly buildsMax: number;
  readonly treeBytesMax: number;
  readonly commitmentCache: CacheBounds;
  readonly proofCache: CacheBounds;
  readonly automatic: AutoCommitThresholds & { readonly intervalMs: number };
}

export class Commitments implements AsyncDisposable {
  readonly reader: CommitmentReader;
  readonly builder: TreeBuilder;
  readonly trees: TreeCache;
  readonly directory: CommitmentDirectory;
  readonly proofs: InclusionProofs;
  readonly committer: Committer;
  readonly #disposals = new Disposals();

  constructor(options: CommitmentsOptions) {
    const { folder, reader, limits, clock, shutdown, onFailure } = options;
    const { automatic } = limits;
    this.reader = reader;
    this.builder = this.#disposals.use(new TreeBuilder({ folder, buildsMax: limits.buildsMax }));
    this.trees = new TreeCache(this.builder, limits.treeBytesMax);
    this.directory = new CommitmentDirectory(reader, limits.commitmentCache);
    this.proofs = new InclusionProofs({
      reader,
      commitments: this.directory,
      trees: this.trees,
      cache: limits.proofCache,
    });
    const { builder, trees } = this;
    this.committer = new Committer({ ...options, builder, trees, eventsMax: limits.eventsMax });
    const { committer } = this;
    const { intervalMs } = automatic;
    this.#disposals.use(
      new AutoCommitter({ reader, committer, clock, shutdown, onFailure, intervalMs, thresholds: automatic }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disposals[Symbol.asyncDispose]();
  }
}
