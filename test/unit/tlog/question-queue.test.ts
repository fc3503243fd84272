import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { QuestionQueue } from "../../../src/tlog/question-queue.js";

/** Whoever shares the thread with the questions has a turn between any two that take long. */

function queueOf(durationMs: number) {
  let nowMs = 0;
  const answered: number[] = [];
  const queue = new QuestionQueue(
    ({ id }) => {
      nowMs += durationMs;
      answered.push(id);
    },
    () => nowMs,
  );
  return { queue, answered };
}

const bundle = (id: number) => ({ id, question: { kind: "entries", index: 0, width: 1 } }) as const;
const tile = (id: number) => ({ id, question: { kind: "tile", level: 0, index: 0, width: 1 } }) as const;

it("answers one long question in a turn, and says how long that was while others wait", async () => {
  const { queue, answered } = queueOf(300);
  for (const id of [1, 2, 3]) queue.add(bundle(id));
  expect(answered).toEqual([]);
  for (const sofar of [[1], [1, 2], [1, 2, 3]]) {
    await nextTurn();
    expect(answered).toEqual(sofar);
    expect(queue.lastTurnMs).toBe(sofar.length < 3 ? 300 : 0);
  }
  await nextTurn();
  queue.add(bundle(4));
  await nextTurn();
  expect(answered).toEqual([1, 2, 3, 4]);
});

it("answers short ones together, and before bundles that came earlier", async () => {
  const { queue, answered } = queueOf(1);
  for (const id of [1, 2, 3]) queue.add(bundle(id));
  for (const id of [4, 5, 6, 7]) queue.add(tile(id));
  await nextTurn();
  expect(answered).toEqual([4, 5, 6, 7, 1]);
  await nextTurn();
  expect(answered).toEqual([4, 5, 6, 7, 1, 2, 3]);
});
