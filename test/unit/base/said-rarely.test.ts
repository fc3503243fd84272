import { expect, it } from "vitest";
import { saidRarely } from "../../../src/base/log.js";

const MINUTE_MS = 60_000;

function listener() {
  const clock = { nowMs: () => clock.ms, ms: 1_800_000_000_000 };
  const said: [string, number][] = [];
  return { clock, said, say: saidRarely<number>(clock, (reason, detail) => said.push([reason, detail])) };
}

it("a reason is said at once, and then once a minute however often it comes", () => {
  const { clock, said, say } = listener();
  for (let i = 0; i < 1000; i++) say("full", i);
  clock.ms += MINUTE_MS - 1;
  say("full", 1000);
  clock.ms += 1;
  say("full", 1001);
  expect(said).toEqual([
    ["full", 0],
    ["full", 1001],
  ]);
});

it("another reason does not wait for the first", () => {
  const { said, say } = listener();
  say("full", 1);
  say("witness", 2);
  say("full", 3);
  expect(said.map(([reason]) => reason)).toEqual(["full", "witness"]);
});

it("a clock set back silences nothing for hours", () => {
  const { clock, said, say } = listener();
  say("full", 1);
  clock.ms -= 10 * 60 * MINUTE_MS;
  say("full", 2);
  expect(said).toHaveLength(2);
});

it("reasons without end take no memory without end: the oldest are said again", () => {
  const { said, say } = listener();
  for (let i = 0; i < 65; i++) say(`reason ${i}`, i);
  say("reason 0", 0);
  expect(said).toHaveLength(66);
});
