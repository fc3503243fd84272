import { describe, expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { type ReadingTenant, type ReadSize, ReadTurns } from "../../../src/store/read-turns.js";

const tenant = (name: string): Uuid => name as Uuid;

/** Reads that end when they are told to. */
class HeldReads {
  readonly begun: string[] = [];
  readonly #ends: (() => void)[] = [];

  constructor(readonly turns: ReadTurns) {}

  ask(name: string, tenantId: ReadingTenant, size: ReadSize): Promise<void> {
    return this.turns.run(tenantId, size, () => {
      this.begun.push(name);
      return new Promise((resolve) => this.#ends.push(resolve));
    });
  }

  /** Ends the reads that run, oldest first, until that many more have begun. */
  async serve(count: number): Promise<string[]> {
    const from = this.begun.length;
    while (this.begun.length < from + count) {
      const end = this.#ends.shift();
      if (end === undefined) break;
      end();
      await new Promise(setImmediate);
    }
    return this.begun.slice(from);
  }
}

function heldBy(flood: number, threads = 1): HeldReads {
  const reads = new HeldReads(new ReadTurns(threads));
  for (let i = 0; i < flood; i++) void reads.ask("flood", tenant("a"), "page");
  return reads;
}

describe("reads", () => {
  it("begin at once while a thread is free, first come first served for one tenant", async () => {
    const reads = new HeldReads(new ReadTurns(2));
    for (const name of ["1", "2", "3", "4"]) void reads.ask(name, tenant("a"), name === "3" ? "row" : "page");
    expect(reads.begun).toEqual(["1", "2"]);
    expect(await reads.serve(2)).toEqual(["3", "4"]);
    await reads.serve(1);
    void reads.ask("5", tenant("a"), "page");
    void reads.ask("6", tenant("b"), "page");
    void reads.ask("7", null, "row");
    expect(reads.begun.slice(4)).toEqual(["5", "6"]);
  });

  it("of another tenant wait for one page of a flood", async () => {
    const reads = heldBy(1000);
    void reads.ask("row", tenant("b"), "row");
    void reads.ask("page", tenant("c"), "page");
    void reads.ask("admin", null, "page");
    const served = await reads.serve(8);
    for (const name of ["row", "page", "admin"]) expect(served).toContain(name);
    expect(served.slice(0, 4).filter((name) => name === "flood")).toHaveLength(1);
  });

  it("of rows get as many as a page costs, and pages keep their turn", async () => {
    const reads = heldBy(10);
    for (let i = 0; i < 200; i++) void reads.ask("row", tenant("b"), "row");
    const served = await reads.serve(100);
    expect(served.filter((name) => name === "flood").length).toBeGreaterThanOrEqual(5);
    expect(served.indexOf("row")).toBeLessThanOrEqual(1);
  });

  it("that others' admission waits for go first, but not for ever", async () => {
    const reads = heldBy(300);
    for (let i = 0; i < 200; i++) void reads.ask("lookup", null, "lookup");
    void reads.ask("key", tenant("b"), "lookup");
    const served = await reads.serve(203);
    expect(served.slice(0, 40)).toContain("key");
    expect(served.slice(0, 64)).not.toContain("flood");
    expect(served.filter((name) => name === "flood")).toHaveLength(3);
    expect(served.slice(0, 65).at(-1)).toBe("flood");
  });

  it("that fail pass their thread on and say why", async () => {
    const turns = new ReadTurns(1);
    const failed = turns.run(null, "row", () => Promise.reject(new Error("damaged")));
    const next = turns.run(null, "row", async () => "read");
    await expect(failed).rejects.toThrow("damaged");
    expect(await next).toBe("read");
    expect(await turns.run(null, "page", async () => "again")).toBe("again");
  });
});
