import { expect, it } from "vitest";
import { KeptPages } from "../../../src/broadcast/kept-pages.js";

/** Who keeps pages, and how often they were taken from it. */
class Keeper {
  lost = 0;

  letGo(): void {
    this.lost += 1;
  }
}

it("takes pages from those that moved least recently, until all fit", () => {
  const kept = new KeptPages(100);
  const [a, b, c] = [new Keeper(), new Keeper(), new Keeper()];
  kept.keep(a, 40);
  kept.keep(b, 40);
  kept.keep(a, 30);
  expect(kept.bytes).toBe(70);
  kept.keep(c, 60);
  expect([a.lost, b.lost, c.lost]).toEqual([0, 1, 0]);
  expect(kept.bytes).toBe(90);
  kept.keep(b, 100);
  expect([a.lost, b.lost, c.lost]).toEqual([1, 1, 1]);
  expect(kept.bytes).toBe(100);
});

it("counts what somebody keeps now, not what it kept before", () => {
  const kept = new KeptPages(100);
  const keeper = new Keeper();
  for (const bytes of [80, 90, 10, 100]) kept.keep(keeper, bytes);
  expect(kept.bytes).toBe(100);
  kept.keep(keeper, 0);
  expect(kept.bytes).toBe(0);
  expect(keeper.lost).toBe(0);
});

it("leaves nobody more than the bound, not even the only one", () => {
  const kept = new KeptPages(100);
  const keeper = new Keeper();
  kept.keep(keeper, 101);
  expect([keeper.lost, kept.bytes]).toEqual([1, 0]);
  const none = new KeptPages(0);
  none.keep(keeper, 1);
  expect([keeper.lost, none.bytes]).toEqual([2, 0]);
});

it("knows whether something fits beside all others", () => {
  const kept = new KeptPages(100);
  kept.keep(new Keeper(), 60);
  expect([kept.hasRoom(40), kept.hasRoom(41)]).toEqual([true, false]);
});
