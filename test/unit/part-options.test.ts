import { expect, it } from "vitest";
import { readConfig } from "../../src/config.js";
import { verifyThreads } from "../../src/part-options.js";

it.each([
  [{}, 1, 1],
  [{}, 2, 2],
  [{}, 64, 4],
  [{ VERIFY_THREADS: "16" }, 2, 16],
])("with %j on %d processors %d threads verify", (env, processors, threads) => {
  expect(verifyThreads(readConfig([], env), processors)).toBe(threads);
});
