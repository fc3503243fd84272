import { expect, it } from "vitest";
import { boundedCache } from "../../../src/base/bounded-cache.js";

it("holds as many values as it may, those that were asked for last", () => {
  const cache = boundedCache<string, string>({ entriesMax: 3, ttlMs: 60_000 });
  for (const name of ["a", "b", "c"]) cache.set(name, name);
  cache.get("a");
  cache.set("d", "d");
  cache.set("d", "again");
  expect([...cache.entries()].map(([name]) => name)).toEqual(["d", "a", "c"]);
});

it("takes no room for what it does not hold", () => {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const caches = Array.from({ length: 4 }, () => boundedCache<string, string>({ entriesMax: 10_000_000, ttlMs: 1 }));
  for (const cache of caches) cache.set("a", "a");
  // Room for all of them would be more than a gigabyte.
  expect(used() - before).toBeLessThan(32 << 20);
});
