import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { hostTarget } from "./packaging/targets.js";

const PACKED = "test/packed/*.test.ts";

/** Its setup builds the one-file program, and runs only where one of its files does. */
function packedProject(): TestProjectConfiguration[] {
  try {
    hostTarget();
  } catch (error) {
    console.log(`test/packed is left out: ${(error as Error).message}`);
    return [];
  }
  return [{ extends: true, test: { name: "packed", include: [PACKED], globalSetup: "test/support/packed-setup.ts" } }];
}

export default defineConfig({
  test: {
    // Each end-to-end file starts real server processes; two files at once is what two cores carry.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "service", include: ["test/**/*.test.ts"], exclude: [PACKED] } },
      ...packedProject(),
    ],
  },
});
