/** A headless Chromium, as Debian's package installs it, on a profile of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** No sandbox: tests run as root and in containers. Nothing but the page is to be asked for. */
const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"],
];

/** Null where there is none, which it says: `apt-get install chromium` on Debian. */
export function findChromium(): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (found === undefined) console.log("no Chromium here (Debian: apt-get install chromium): its cases did not run");
  return found ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export class Chromium implements AsyncDisposable {
  readonly #profile = mkdtempSync(join(tmpdir(), "sequencer-chromium-"));
  readonly #process: ChildProcess;
  /** Rejects when the browser ends by itself; `said` is what it wrote. */
  readonly ended: Promise<never>;
  #said = "";

  constructor(path: string, url: string) {
    // A process group of its own: it starts helpers.
    this.#process = spawn(path, [...FLAGS, `--user-data-dir=${this.#profile}`, url], {
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process.stderr!.on("data", (text) => {
      this.#said = `${this.#said}${text}`.slice(-4000);
    });
    this.ended = new Promise((_, reject) => {
      this.#process.once("error", reject);
      this.#process.once("exit", (code) => reject(new Error(`Chromium ended with ${code}: ${this.#said}`)));
    });
    this.ended.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const exited = new Promise((resolve) => this.#process.once("exit", resolve));
      process.kill(-pid, "SIGKILL");
      await exited;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }
}
