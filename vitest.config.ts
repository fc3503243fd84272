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
    // For what hangs. A machine with much else to do takes a minute for what is done alone in a few seconds.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A thread that starts may take a busy machine more than the default second.
    expect: { poll: { timeout: 30_000 } },
    projects: [
      { extends: true, test: { name: "service", include: ["test/**/*.test.ts"], exclude: [PACKED] } },
      ...packedProject(),
    ],
  },
});
