/** The built program run to its end: for starts that are refused, and for what it prints. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { packageRoot } from "../../src/base/asset-paths.js";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runMain(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  // Without a data folder it takes ./data, which in the checkout may be somebody's log.
  const cwd = mkdtempSync(join(tmpdir(), "sequencer-run-"));
  const child = spawn(process.execPath, [join(packageRoot, "dist", "src", "main.js"), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: "0", LOG_FORMAT: "json", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  rmSync(cwd, { recursive: true, force: true });
  return { code, stdout, stderr };
}
