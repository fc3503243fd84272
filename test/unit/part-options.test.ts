import { expect, it } from "vitest";
import { readConfig, unheededVariables } from "../../src/config.js";
import { OPTIONS } from "../../src/options-table.js";
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

it.each([
  ["off", "disabled"],
  ["WARN_ONLY", "warn"],
  ["on", "enforce"],
  ["strict", "required"],
  ["require", "required"],
])("SCHEMA_VALIDATION_MODE=%s of an existing deployment is %s", (spelling, mode) => {
  expect(readConfig([], { SCHEMA_VALIDATION_MODE: spelling }).SCHEMA_VALIDATION_MODE).toBe(mode);
});

it.each([
  [{ RUST_LOG: "debug" }, "debug"],
  [{ RUST_LOG: "sqlx=trace, WARN" }, "warn"],
  [{ RUST_LOG: "info,stateset_sequencer=trace,tower=off" }, "trace"],
  [{ RUST_LOG: "off" }, "silent"],
  [{ RUST_LOG: "sqlx=debug" }, "info"],
  [{ RUST_LOG: "debug", LOG_LEVEL: "error" }, "error"],
  [{}, "info"],
])("with %j the least severe line is %s", (env, level) => {
  expect(readConfig([], env).LOG_LEVEL).toBe(level);
});

it("names the variables that ask for what is not done, and none that is an option or asks for nothing", () => {
  const asking = { DATABASE_URL: "postgres://", PAYLOAD_ENCRYPTION_KEY: "x", RATE_LIMIT_PER_MINUTE: "60", PORT: "1" };
  const idle = { PAYLOAD_ENCRYPTION_MODE: "disabled", TRUST_PROXY_HEADERS: "false", ADMIN_IP_ALLOWLIST: "" };
  const named = unheededVariables({ ...asking, ...idle });
  expect(named).toEqual(["DATABASE_URL", "RATE_LIMIT_PER_MINUTE", "PAYLOAD_ENCRYPTION_KEY"]);
  const all = unheededVariables(new Proxy({}, { get: () => "1" }));
  expect(all.filter((name) => name in OPTIONS)).toEqual([]);
});
