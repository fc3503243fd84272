/** Proofs on their way to the lane: never two at once, in order, and a failed one holds nobody up. */
import { describe, expect, it } from "vitest";
import { StoreTurns } from "../../../src/proofs/store-turns.js";

describe("store turns", () => {
  it("run one at a time, in order, and answer what each made", async () => {
    const turns = new StoreTurns(() => 0);
    const begun: number[] = [];
    let running = 0;
    let runningMax = 0;
    const store = async (index: number): Promise<number> => {
      begun.push(index);
      runningMax = Math.max(runningMax, ++running);
      await new Promise(setImmediate);
      running--;
      return index;
    };
    const answers = await Promise.all([0, 1, 2, 3].map((index) => turns.run(() => store(index))));
    expect([answers, begun, runningMax]).toEqual([[0, 1, 2, 3], [0, 1, 2, 3], 1]);
  });

  it("rest while events come in, and not while there are none", async () => {
    for (const [ingestIdleMs, isResting] of [
      [0, true],
      [60_000, false],
    ] as const) {
      const turns = new StoreTurns(() => ingestIdleMs);
      const slow = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20));
      let isNextBegun = false;
      const first = turns.run(slow);
      const next = turns.run(async () => {
        isNextBegun = true;
      });
      await first;
      await new Promise(setImmediate);
      expect(isNextBegun).toBe(!isResting);
      await next;
    }
  });

  it("go on after one that failed", async () => {
    const turns = new StoreTurns(() => 0);
    const failed = turns.run(() => Promise.reject(new Error("full")));
    const next = turns.run(() => Promise.resolve("stored"));
    await expect(failed).rejects.toThrow("full");
    expect(await next).toBe("stored");
  });
});
