/**
 * The service as a child process, for whoever needs a real one: the demo, the benchmarks, the tests. It listens on any
 * free loopback port and is found through its own "listening" line.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageRoot } from "../base/asset-paths.js";
import { SERVICE_NODE_FLAGS } from "../base/worker-limits.js";

export interface ServerProcessOptions {
  readonly folder: string;
  /** Options by name, over the process's defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program and its first arguments [this Node and this package's service]: tests compare it with others. */
  readonly command?: readonly string[];
}

/** Log lines kept for a failure's report. */
const LINES_KEPT_MAX = 200;
const START_DEADLINE_MS = 30_000;

const BUILT_SERVICE = join(packageRoot, "dist", "src", "main.js");

export class ServerProcess implements AsyncDisposable {
  readonly folder: string;
  readonly adminKey: string;
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | NodeJS.Signals>;
  #port = 0;

  private constructor(child: ChildProcess, folder: string, adminKey: string) {
    this.#child = child;
    this.folder = folder;
    this.adminKey = adminKey;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve(code ?? signal!));
    });
  }

  /** Starts the built service and waits until it listens. Rejects with its log when it ends before. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const adminKey = options.env?.BOOTSTRAP_ADMIN_API_KEY ?? `ss_${randomBytes(24).toString("base64url")}`;
    const env = {
      PATH: process.env.PATH ?? "",
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_FORMAT: "json",
      // Not an argument: the one-file program takes none of Node's.
      NODE_OPTIONS: SERVICE_NODE_FLAGS.join(" "),
      DATA_DIR: options.folder,
      BOOTSTRAP_ADMIN_API_KEY: adminKey,
      ...options.env,
    };
    const [program = process.execPath, ...args] = options.command ?? [process.execPath, BUILT_SERVICE];
    const child = spawn(program, args, {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const server = new ServerProcess(child, options.folder, adminKey);
    await server.#listening();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Exit code, or the signal that ended it. */
  get exited(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM and wait for the end. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.signal("SIGTERM");
    return this.#exited;
  }

  /** SIGKILL and wait for the end: a crash. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }

  async #listening(): Promise<void> {
    const reader = createInterface({ input: this.#child.stderr! });
    const listening = new Promise<void>((resolve) => {
      reader.on("line", (line) => {
        this.#keep(line);
        if (this.#port !== 0 || !line.includes('"listening"')) return;
        this.#port = (JSON.parse(line) as { port: number }).port;
        resolve();
      });
    });
    const deadline = AbortSignal.timeout(START_DEADLINE_MS);
    const outcome = await Promise.race([
      listening.then(() => "listening"),
      this.#exited.then((code) => `ended with ${code}`),
      once(deadline, "abort").then(() => "is still not listening"),
    ]);
    if (outcome === "listening") return;
    await this[Symbol.asyncDispose]();
    throw new Error(`the service ${outcome}:\n${this.lines.join("\n")}`);
  }

  #keep(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT_MAX) this.lines.shift();
  }
}
