/**
 * Agent keys as verification asks for them: by (tenant, agent, purpose, key id), through a bounded LRU.
 * Invariant: a cached record is used only in the revocation epoch it was read in. The lane raises the epoch after a
 * revocation is durable and before it is answered, so from that answer on no cache anywhere holds the key as usable.
 * Absent keys are never cached: a registration works at once.
 */
import type { LRUCache } from "lru-cache";
import { boundedCache, type CacheBounds } from "../base/bounded-cache.js";
import { agentKeyKey } from "../store/chunk-key.js";
import type { AgentKey, AgentKeyRef, LogReader } from "../store/contract.js";

/** A key as it was in an epoch; `key` null = there was none. */
export interface KeyRecord {
  readonly ref: AgentKeyRef;
  readonly key: AgentKey | null;
  readonly epoch: number;
}

export interface KeyDirectoryOptions extends CacheBounds {
  readonly reader: LogReader;
  /** See `LaneWorkerData.keyEpoch`. */
  readonly keyEpoch: SharedArrayBuffer;
}

export class KeyDirectory {
  readonly #reader: LogReader;
  readonly #epoch: Int32Array;
  readonly #cache: LRUCache<string, KeyRecord>;

  constructor(options: KeyDirectoryOptions) {
    this.#reader = options.reader;
    this.#epoch = new Int32Array(options.keyEpoch);
    this.#cache = boundedCache(options);
  }

  async find(ref: AgentKeyRef): Promise<KeyRecord> {
    // Read before the row: a revocation in between makes the record one epoch too old, never one too new.
    const epoch = Atomics.load(this.#epoch, 0);
    const name = agentKeyKey(ref);
    const cached = this.#cache.get(name);
    if (cached?.epoch === epoch) return cached;
    const record: KeyRecord = { ref, key: await this.#reader.agentKey(ref), epoch };
    if (record.key !== null) this.#cache.set(name, record);
    return record;
  }
}
