/** The one-file program on a machine that has nothing else: an empty folder, no PATH, a home of its own. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { packageRoot } from "../../src/base/asset-paths.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { ownPort } from "./own-port.js";
import type { Ended } from "./run-main.js";
import { TestService } from "./service.js";

/** Builds it as `npm run package` does, after `npm run build`; the path of the file in `out`. */
export function buildPacked(out: string): string {
  execFileSync(process.execPath, [join(packageRoot, "dist", "packaging", "main.js"), "--out", out]);
  const name = readdirSync(out).find((entry) => /^stateset-sequencer-[a-z0-9]+-[a-z0-9]+$/.test(entry));
  return join(out, name!);
}

export class BareMachine {
  readonly #base = mkdtempSync(join(tmpdir(), "sequencer-packed-"));
  /** The program, alone in its folder. */
  readonly file: string;

  constructor(packed: string) {
    // Other users may pass, and see nothing.
    chmodSync(this.#base, 0o711);
    const folder = join(this.#base, "alone");
    mkdirSync(folder);
    this.file = join(folder, basename(packed));
    copyFileSync(packed, this.file);
  }

  /** A new empty folder. */
  folder(): string {
    return mkdtempSync(join(this.#base, "folder-"));
  }

  /** The whole environment of a user whose home is `home`. */
  env(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: "/nonexistent", HOME: home, TMPDIR: this.#base, ...more };
  }

  /** `file`: another name of the program. `uid`: as another user, which only root can. */
  async run(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    { file = this.file, ...user }: { readonly file?: string; readonly uid?: number } = {},
  ): Promise<Ended> {
    const child = spawn(file, args, { env, cwd: dirname(this.file), stdio: ["ignore", "pipe", "pipe"], ...user });
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { code, stdout, stderr };
  }

  async serve(env: Readonly<Record<string, string>>): Promise<TestService> {
    const folder = this.folder();
    const command = [this.file];
    const process = await ServerProcess.start({ folder, env: { ...env, PORT: String(await ownPort()) }, command });
    return new TestService(process, folder, env, command);
  }

  [Symbol.dispose](): void {
    rmSync(this.#base, { recursive: true, force: true });
  }
}

/** Where the program's files of a home are, one folder per build. */
export function cacheOf(home: string): string {
  return join(home, ".cache", "stateset-sequencer");
}

/** The one folder of a home's cache; throws when there is not exactly one, whatever else lies there. */
export function unpackedIn(home: string): string {
  const names = readdirSync(cacheOf(home));
  if (names.length !== 1) throw new Error(`${names.length} entries in ${cacheOf(home)}: ${names.join(", ")}`);
  return join(cacheOf(home), names[0]!);
}
