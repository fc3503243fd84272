/** `npm run test:sim -- --seeds N [--seed S]`: N runs from seed S on, then the planted bugs. Needs no build. */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { seeds: { type: "string" }, seed: { type: "string" } } });
const { seeds = "1000", seed = "1" } = values;
if (![seeds, seed].every((text) => /^[1-9][0-9]*$/.test(text))) throw new TypeError("--seeds and --seed are counts");
const env = { ...process.env, SIM_SEEDS: seeds, SIM_SEED: seed };
process.exitCode = spawnSync("npx", ["vitest", "run", "test/sim"], { env, stdio: "inherit" }).status ?? 1;
