import { defineConfig } from "vitest/config";

const PACKED = "test/packed/*.test.ts";

export default defineConfig({
  test: {
    // Each end-to-end file starts real server processes; two files at once is what two cores carry.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "service", include: ["test/**/*.test.ts"], exclude: [PACKED] } },
      // Its setup builds the one-file program, and runs only where one of its files does.
      { extends: true, test: { name: "packed", include: [PACKED], globalSetup: "test/support/packed-setup.ts" } },
    ],
  },
});
