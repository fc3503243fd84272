import type { LRUCache } from "lru-cache";
import { boundedCache, type CacheBounds } from "../base/bounded-cache.js";
import type { Uuid } from "../base/ids.js";
import type { Commitment, CommitmentReader } from "../store/commitment-contract.js";
import type { ReadingTenant } from "../store/read-turns.js";

/**
 * Commitments by batch id through a bounded LRU. Only their anchors ever change, which nothing here reports: `ttlMs` bounds how
 * long an older one is shown. Absent ones are never cached: a new commitment is seen at once.
 */
export class CommitmentDirectory {
  readonly #reader: CommitmentReader;
  readonly #known: LRUCache<Uuid, Commitment>;

  constructor(reader: CommitmentReader, bounds: CacheBounds) {
    this.#reader = reader;
    this.#known = boundedCache(bounds);
  }

  /** `asking`: see `LogReader`. */
  async find(batchId: Uuid, asking: ReadingTenant): Promise<Commitment | null> {
    const known = this.#known.get(batchId);
    if (known !== undefined) return known;
    const commitment = await this.#reader.commitment(batchId, asking);
    if (commitment !== null) this.#known.set(batchId, commitment);
    return commitment;
  }
}
