import { expect, it } from "vitest";
import { cutChunk } from "../../../src/lane/cut-chunk.js";
import type { LaneItem } from "../../../src/lane/lane-item.js";

/** Of the items only their weights matter here: a request's events, null = a command. */
const queueOf = (weights: readonly (number | null)[]): LaneItem[] =>
  weights.map((events) =>
    events === null ? { kind: "revoke_api_key" } : { request: { events: Array(events) } },
  ) as never;

it.each<[string, (number | null)[], number]>([
  ["up to the bound", [3, 4, 3, 1], 3],
  ["a request that alone is larger", [11, 1], 1],
  ["nothing behind one that does not fit, even if it would", [4, 7, 1], 1],
  ["a command as one event", [8, null, null, null], 3],
  ["what there is", [1, null], 2],
  ["requests without events, too", [10, 0, 1], 2],
  ["nothing of nothing", [], 0],
])("takes whole items, together 10 events at most: %s", (_, weights, taken) => {
  const queue = queueOf(weights);
  const items = [...queue];
  expect(cutChunk(queue, 10)).toEqual(items.slice(0, taken));
  expect(queue).toEqual(items.slice(taken));
});
