/** What the service holds to commit and to prove: its parts, wired, and ended in reverse order. */

import type { CacheBounds } from "../base/bounded-cache.js";
import type { Clock } from "../base/clock.js";
import { Disposals } from "../base/disposal.js";
import type { UuidSource } from "../base/ids.js";
import type { Lane } from "../lane/lane.js";
import type { CommitmentReader, CommitmentSeries } from "../store/commitment-contract.js";
import { type AutoCommitThresholds, AutoCommitter } from "./auto-committer.js";
import { CommitmentDirectory } from "./commitment-directory.js";
import { Committer, type CommitterOptions } from "./committer.js";
import { InclusionProofs } from "./inclusion-proofs.js";
import type { TreeBuilder } from "./tree-builder.js";
import { TreeCache } from "./tree-cache.js";

export interface CommitmentsOptions {
  /** Whose events: each series of a stream has its own numbers and its own chain. */
  readonly series: CommitmentSeries;
  readonly builder: TreeBuilder;
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
  readonly treeBytesMax: number;
  readonly commitmentCache: CacheBounds;
  readonly proofCache: CacheBounds;
  readonly automatic: AutoCommitThresholds & { readonly intervalMs: number };
}

export class Commitments implements AsyncDisposable {
  readonly reader: CommitmentReader;
  readonly trees: TreeCache;
  readonly directory: CommitmentDirectory;
  readonly proofs: InclusionProofs;
  readonly committer: Committer;
  readonly #disposals = new Disposals();

  constructor(options: CommitmentsOptions) {
    const { series, builder, reader, limits, clock, shutdown, onFailure } = options;
    const { automatic } = limits;
    this.reader = reader;
    this.trees = new TreeCache(builder, limits.treeBytesMax, series);
    this.directory = new CommitmentDirectory(reader, limits.commitmentCache);
    this.proofs = new InclusionProofs({
      reader,
      commitments: this.directory,
      trees: this.trees,
      cache: limits.proofCache,
    });
    const { trees } = this;
    this.committer = new Committer({ ...options, trees, eventsMax: limits.eventsMax });
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
