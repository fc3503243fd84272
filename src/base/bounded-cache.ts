import { LRUCache } from "lru-cache";

export interface CacheBounds {
  readonly entriesMax: number;
  readonly ttlMs?: number;
}

/**
 * A cache of at most `entriesMax` values; who was not asked for longest goes first. It grows as it fills: told its `max`, LRUCache
 * takes the room for all of them when it is made, 31 bytes each.
 */
export function boundedCache<K extends {}, V extends {}>({ entriesMax, ttlMs = 0 }: CacheBounds): LRUCache<K, V> {
  return new LRUCache<K, V>({ maxSize: entriesMax, sizeCalculation: () => 1, ttl: ttlMs });
}
