/** Starts a packed file as a user would: alone in an empty folder, with nothing else on the machine. */
import { execFileSync } from "node:child_process";
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { packageVersion } from "../src/base/asset-paths.js";
import { ServerProcess } from "../src/cli/server-process.js";

/** Of commands that print and end. A start of a broken file may hang. */
const TIMEOUT_MS = 60_000;

/** Throws with what did not work. `scratch` is a folder for what it needs. */
export async function smokeTest(file: string, scratch: string): Promise<void> {
  const folder = mkdtempSync(join(scratch, "smoke-"));
  try {
    const alone = join(folder, "alone", "stateset-sequencer");
    const home = join(folder, "home");
    for (const path of [join(folder, "alone"), home]) mkdirSync(path);
    linkOrCopy(file, alone);
    const env = { PATH: "/nonexistent", HOME: home };
    const run = (...args: string[]): string =>
      execFileSync(alone, args, { cwd: join(folder, "alone"), env, encoding: "utf8", timeout: TIMEOUT_MS });
    expect("--version", run("--version").trim(), packageVersion);
    for (const command of ["admin", "ves-stark"]) run(command, "--help");
    await serve(alone, join(folder, "data"), env);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function serve(file: string, folder: string, env: Record<string, string>): Promise<void> {
  mkdirSync(folder);
  await using server = await ServerProcess.start({ folder, env, command: [file] });
  const health = (await (await fetch(`${server.url}/health`)).json()) as Record<string, unknown>;
  expect("status", health.status, "healthy");
  expect("transport", health.transport, "native");
  expect("/ready", (await fetch(`${server.url}/ready`)).status, 200);
  expect("exit code", await server.stop(), 0);
}

function expect(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`smoke test: ${what} is ${String(got)}, not ${String(wanted)}`);
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
