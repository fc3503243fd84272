import { expect, test } from "vitest";
import { BodyBudget, type FlowRoom } from "../../../src/transport/body-budget.js";

const ROOM = 1300;

/** Bodies of one flow, each of 10 bytes, as many as it gets. */
function fill(budget: BodyBudget, flow: string): FlowRoom {
  for (;;) {
    const room = budget.enter(flow);
    if (budget.takeShare(room, 10)) continue;
    budget.leave(room, 0);
    return room;
  }
}

/** What is left for bodies in one piece. */
function freeBytes(budget: BodyBudget): number {
  let bytes = 0;
  while (budget.take(10)) bytes += 10;
  budget.release(bytes);
  return bytes;
}

test("a flow alone gets three quarters, and each one that comes later leaves a quarter of what it found", () => {
  const budget = new BodyBudget(ROOM);
  const shares = ["a", "b", "c"].map((flow) => fill(budget, flow).bytes);
  // 3/4 of 1300, then 3/4 of the rest each, in bodies of 10.
  expect(shares).toEqual([980, 240, 60]);
  expect(freeBytes(budget)).toBe(20);
});

test("the only body of a flow may have all that is free; another of it may not", () => {
  const budget = new BodyBudget(ROOM);
  const lone = budget.enter("a");
  expect(budget.takeShare(lone, ROOM)).toBe(true);
  expect(budget.takeShare(lone, 1)).toBe(false);
  budget.releaseShare(lone, 300);
  expect(budget.takeShare(budget.enter("a"), 1)).toBe(false);
  expect(budget.takeShare(budget.enter("b"), 300)).toBe(true);
  expect(budget.takeShare(budget.enter("c"), 1)).toBe(false);
});

test("what moves to the flow it is of counts there and nowhere else, and all of it comes back", () => {
  const budget = new BodyBudget(ROOM);
  const unknown = budget.enter("unknown");
  const other = budget.enter("unknown");
  expect([budget.takeShare(unknown, 400), budget.takeShare(other, 100)]).toEqual([true, true]);
  const known = budget.move(unknown, "a", 400);
  expect([{ ...known }, { ...unknown }]).toEqual([
    { bodies: 1, bytes: 400 },
    { bodies: 1, bytes: 100 },
  ]);
  budget.leave(known, 400);
  budget.leave(other, 100);
  expect([known, other]).toEqual([
    { bodies: 0, bytes: 0 },
    { bodies: 0, bytes: 0 },
  ]);
  expect(freeBytes(budget)).toBe(ROOM);
});
