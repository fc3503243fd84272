import { mkdtempSync, rmSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { threadPriorities } from "../support/thread-priorities.js";

const NICE = 10;

it.runIf(process.platform === "linux")("no thread claims a higher priority than its service was given", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
  try {
    // An unprivileged process that asks for less niceness than it has is refused: its threads would not start.
    const command = ["nice", "-n", `${NICE}`, process.execPath, join(packageRoot, "dist/src/main.js")];
    await using server = await ServerProcess.start({ folder, command });
    const priorities = threadPriorities(server.pid);
    const given = Math.min(19, getPriority() + NICE);
    expect(Math.min(...priorities)).toBe(given);
    expect(priorities).toContain(Math.min(19, given + 5));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
