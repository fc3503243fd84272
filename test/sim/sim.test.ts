import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PLANTED_BUGS } from "./planted-bugs.js";
import { simulate } from "./simulate.js";
import { Template } from "./world.js";

const SEEDS = Number(process.env.SIM_SEEDS ?? 1000);
const FIRST_SEED = Number(process.env.SIM_SEED ?? 1);

/** So many seeds are enough for each planted bug. */
const CONTROL_SEEDS = 20;

let template: Template;
beforeAll(async () => {
  template = await Template.make();
});
afterAll(() => template[Symbol.dispose]());

describe("simulation", () => {
  it(`${SEEDS} seeds from ${FIRST_SEED} keep every promise`, { timeout: 36_000_000 }, async () => {
    const totals: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const { violation, lastLines, figures } = await simulate(seed, template);
      expect(violation, `SIM_SEED=${seed} SIM_SEEDS=1\n${lastLines.join("\n")}`).toBeNull();
      for (const [name, figure] of Object.entries(figures)) totals[name] = (totals[name] ?? 0) + figure;
      const done = seed - FIRST_SEED + 1;
      if (done % 1000 === 0 || done === SEEDS)
        console.log(`${done} seeds from ${FIRST_SEED}: ${JSON.stringify(totals)}`);
    }
  });

  it.each(PLANTED_BUGS)(`catches $name within ${CONTROL_SEEDS} seeds`, async ({ variant, verdict }) => {
    for (let seed = 1; seed <= CONTROL_SEEDS; seed++) {
      const { violation } = await simulate(seed, template, variant);
      if (violation === null) continue;
      expect(violation).toMatch(verdict);
      console.log(`seed ${seed}: ${violation}`);
      return;
    }
    expect.fail(`not caught by ${CONTROL_SEEDS} seeds`);
  });

  it("a seed is one run, bit for bit", async () => {
    for (const seed of [1, 2, 3, 40, 500]) {
      const [first, second] = [await simulate(seed, template), await simulate(seed, template)];
      expect(second).toEqual(first);
    }
  });
});
