import { expect, it } from "vitest";
import { readConfig } from "../../src/config.js";
import { crossOriginOf, verifyThreads } from "../../src/part-options.js";

it.each([
  [{}, 1, 1],
  [{}, 2, 2],
  [{}, 64, 4],
  [{ VERIFY_THREADS: "16" }, 2, 16],
])("with %j on %d processors %d threads verify", (env, processors, threads) => {
  expect(verifyThreads(readConfig([], env), processors)).toBe(threads);
});

it.each([
  ["https://app.example/, app.example", ["https://app.example/", "app.example"]],
  ["*, https://app.example", ["* stands alone"]],
])("an origin that no browser would write is refused at start: %j", (list, named) => {
  const config = readConfig([], { CORS_ALLOW_ORIGINS: list });
  for (const name of named) expect(() => crossOriginOf(config)).toThrow(name);
});

it("without origins there is nothing to ask", () => {
  expect(crossOriginOf(readConfig([], { CORS_ALLOW_ORIGINS: " , " }))).toBeNull();
});
