/** Which streams are committed when nobody asks: on rows that the test says, with a committer that keeps a list. */
import { expect, it } from "vitest";
import type { StreamName, Uuid } from "../../../src/base/ids.js";
import { type AutoCommitThresholds, AutoCommitter } from "../../../src/commit/auto-committer.js";
import type { Committer } from "../../../src/commit/committer.js";
import type { CommitmentReader, UncommittedStream } from "../../../src/store/commitment-contract.js";

const COMMITS_AT_ONCE = 16;
const THRESHOLDS: AutoCommitThresholds = { events: 10, ageMs: 0 };

const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}` as Uuid;

/** Each of its own tenant, with so many events that wait. */
function stream(ref: number, events: number): UncommittedStream {
  return { ref, tenantId: id(ref), storeId: id(0), head: events, committed: 0, waitingSinceMs: 0 };
}

class Bench implements AsyncDisposable {
  readonly begun: Uuid[] = [];
  readonly failures: unknown[] = [];
  readonly shutdown = new AbortController();
  readonly #rows: Map<Uuid, UncommittedStream>;
  readonly #committer: AutoCommitter;

  /** `commit`: what the committer does with a stream before it is committed. */
  constructor(streams: readonly UncommittedStream[], commit: (tenantId: Uuid) => Promise<void> = async () => {}) {
    this.#rows = new Map(streams.map((each) => [each.tenantId, each]));
    const reader = {
      uncommittedStreams: async (afterRef: number, limit: number) =>
        [...this.#rows.values()]
          .filter(({ ref }) => ref > afterRef)
          .sort((a, b) => a.ref - b.ref)
          .slice(0, limit),
    } as unknown as CommitmentReader;
    const committer = {
      commitNext: async ({ tenantId }: StreamName) => {
        this.begun.push(tenantId);
        await commit(tenantId);
        this.#rows.delete(tenantId);
      },
    } as unknown as Committer;
    this.#committer = new AutoCommitter({
      ...{ reader, committer, clock: { nowMs: () => 1 }, thresholds: THRESHOLDS, intervalMs: 1 },
      ...{ shutdown: this.shutdown.signal, onFailure: (error) => void this.failures.push(error) },
    });
  }

  set(changed: UncommittedStream): void {
    this.#rows.set(changed.tenantId, changed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#committer[Symbol.asyncDispose]();
  }
}

it("looks at every stream in turn, however many wait, and then at the first ones again", async () => {
  const STREAMS = 2500;
  await using bench = new Bench(Array.from({ length: STREAMS }, (_, index) => stream(index + 1, 1)));
  for (const ref of [STREAMS, 1, 1500, 1]) {
    bench.begun.length = 0;
    bench.set(stream(ref, THRESHOLDS.events));
    await expect.poll(() => bench.begun).toEqual([id(ref)]);
    bench.set(stream(ref, 1));
  }
  expect(bench.failures).toEqual([]);
});

it("a stream that cannot be committed holds no other up and is tried again", async () => {
  const error = new Error("not this one");
  let hasHealed = false;
  const commit = async (tenantId: Uuid): Promise<void> => {
    if (tenantId === id(1) && !hasHealed) throw error;
  };
  await using bench = new Bench([stream(1, 10), stream(2, 10)], commit);
  await expect.poll(() => bench.begun).toContain(id(2));
  await expect.poll(() => bench.failures.length).toBeGreaterThan(1);
  expect(new Set(bench.failures)).toEqual(new Set([error]));
  hasHealed = true;
  const tries = () => bench.begun.filter((tenantId) => tenantId === id(1)).length;
  await expect.poll(() => tries() > bench.failures.length).toBe(true);
});

it("makes a bounded number at once, and begins none when the service goes away", async () => {
  const waiting: (() => void)[] = [];
  const commit = () => new Promise<void>((resolve) => waiting.push(resolve));
  const bench = new Bench(
    Array.from({ length: 5 * COMMITS_AT_ONCE }, (_, index) => stream(index + 1, 10)),
    commit,
  );
  await expect.poll(() => waiting.length).toBe(COMMITS_AT_ONCE);
  for (const resolve of waiting.splice(0, 3)) resolve();
  await expect.poll(() => waiting.length).toBe(COMMITS_AT_ONCE);
  expect(bench.begun).toHaveLength(COMMITS_AT_ONCE + 3);
  bench.shutdown.abort();
  let isOver = false;
  void bench[Symbol.asyncDispose]().then(() => {
    isOver = true;
  });
  const last = waiting.pop()!;
  for (const resolve of waiting.splice(0)) resolve();
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  last();
  await expect.poll(() => isOver).toBe(true);
  expect(bench.begun).toHaveLength(COMMITS_AT_ONCE + 3);
});
