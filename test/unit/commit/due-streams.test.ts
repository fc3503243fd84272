import { expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { DueStreams } from "../../../src/commit/due-streams.js";

const stream = (ref: number, tenant = "a", committedBelow = 1) => ({
  ...{ ref, committedBelow },
  ...{ tenantId: tenant as Uuid, storeId: `${ref}` as Uuid },
});

function takeAll(due: DueStreams): number[] {
  const refs: number[] = [];
  for (let next = due.take(); next !== undefined; next = due.take()) refs.push(next.ref);
  return refs;
}

it("tenants have their streams committed in turn", () => {
  const due = new DueStreams();
  for (let ref = 1; ref <= 1000; ref++) due.add(stream(ref));
  for (let ref = 1001; ref <= 1003; ref++) due.add(stream(ref, "b"));
  expect(takeAll(due).slice(0, 6)).toEqual([1, 1001, 2, 1002, 3, 1003]);
});

it("a stream is there once, and again for what was found due while it was in the making", () => {
  const due = new DueStreams();
  for (const below of [5, 9, 7]) due.add(stream(1, "a", below));
  const taken = due.take()!;
  expect([taken.committedBelow, due.take()]).toEqual([9, undefined]);
  due.add(stream(1, "a", 20));
  expect(due.take()).toBeUndefined();
  due.committed(taken, 15);
  expect(due.take()).toEqual(stream(1, "a", 20));
  due.committed(taken, 20);
  expect(takeAll(due)).toEqual([]);
  due.add(stream(1, "a", 21));
  expect(takeAll(due)).toEqual([1]);
});

it("what failed has another turn when it is asked for, and nothing is forgotten", () => {
  const due = new DueStreams();
  for (let ref = 1; ref <= 3000; ref++) due.add(stream(ref));
  for (let next = due.take(); next !== undefined; next = due.take()) due.failed(next);
  due.add(stream(7, "a", 50));
  expect(due.take()).toBeUndefined();
  const again = new Set<number>();
  for (let tick = 0; tick < 3; tick++) {
    due.retry();
    for (const ref of takeAll(due)) again.add(ref);
  }
  expect(again.size).toBe(3000);
});

it("takes no more than there is room for", () => {
  const due = new DueStreams();
  let ref = 0;
  while (due.hasRoom) due.add(stream(++ref));
  expect(ref).toBe(65_536);
  due.committed(due.take()!, 1);
  expect(due.hasRoom).toBe(true);
});
