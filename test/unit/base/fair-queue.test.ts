import { describe, expect, it } from "vitest";
import { FairQueue } from "../../../src/base/fair-queue.js";

const drain = (queue: FairQueue<string>): string[] => {
  const taken: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) taken.push(item);
  return taken;
};

describe("a fair queue", () => {
  it("is first in, first out within a flow", () => {
    const queue = new FairQueue<string>(10);
    for (const item of ["a", "b", "c"]) queue.push("one", item, 7);
    expect(queue.size).toBe(3);
    expect(drain(queue)).toEqual(["a", "b", "c"]);
    expect([queue.size, queue.peek()]).toEqual([0, undefined]);
  });

  it("serves a newcomer after one quantum of each other flow, not after their backlogs", () => {
    const queue = new FairQueue<string>(100);
    for (let i = 0; i < 1000; i++) for (const flow of ["x", "y", "z"]) queue.push(flow, flow, 1);
    for (let i = 0; i < 450; i++) queue.shift();
    queue.push("new", "new", 1);
    expect(drain(queue).indexOf("new")).toBeLessThanOrEqual(300);
  });

  it("passes small items before a flood of items that cost many turns, and starves neither", () => {
    const queue = new FairQueue<string>(64);
    for (let i = 0; i < 50; i++) queue.push("flood", "bulk", 1000);
    for (let i = 0; i < 200; i++) queue.push("other", "few", 1);
    const taken = drain(queue);
    expect(taken).toHaveLength(250);
    expect(taken.lastIndexOf("few")).toBeLessThan(210);
    expect(taken.slice(0, 220)).toContain("bulk");
  });

  it("gives flows that stay busy the same cost, whatever their items cost", () => {
    const queue = new FairQueue<string>(50);
    for (let i = 0; i < 1000; i++) queue.push("small", "small", 3);
    for (let i = 0; i < 1000; i++) queue.push("large", "large", 30);
    const spent = { small: 0, large: 0 };
    for (let i = 0; i < 600; i++) {
      const item = queue.shift() as "small" | "large";
      spent[item] += item === "small" ? 3 : 30;
    }
    expect(Math.abs(spent.small - spent.large)).toBeLessThanOrEqual(80);
  });

  it("lets an idle flow save nothing up", () => {
    const queue = new FairQueue<string>(10);
    for (let i = 0; i < 100; i++) {
      queue.push("sometimes", "s", 1);
      queue.shift();
    }
    for (let i = 0; i < 100; i++) queue.push("always", "a", 1);
    for (let i = 0; i < 100; i++) queue.push("sometimes", "s", 1);
    const first = Array.from({ length: 20 }, () => queue.shift());
    expect(first.filter((item) => item === "a")).toHaveLength(10);
  });

  it("takes what was put back first of its flow, at no cost", () => {
    const queue = new FairQueue<string>(10);
    queue.push("one", "second", 10);
    queue.unshift("one", "first");
    expect(queue.peek()).toBe("first");
    expect(drain(queue)).toEqual(["first", "second"]);
  });
});
