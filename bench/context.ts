/** What every family of the bench is given. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../src/cli/server-process.js";
import { machineBusyMs, processCpuMs } from "./cpu.js";
import type { MachineFacts } from "./machine.js";
import { disown, own } from "./owned-processes.js";
import { measureRawFlush } from "./raw-flush.js";
import { percentile } from "./statistics.js";

export type Mode = "quick" | "full" | "long";

export interface BenchContext {
  readonly mode: Mode;
  /** On the disk in question. */
  readonly folder: string;
  readonly machine: MachineFacts;
  /** Only this load of a family; null = all of them. */
  readonly only: string | null;
  progress(text: string): void;
}

/** Where samples of a smoke test may be smaller. */
export function sized<T>(context: BenchContext, full: T, quick: T): T {
  return context.mode === "quick" ? quick : full;
}

let folders = 0;

/** The built service with its default options, in a fresh folder unless one is given. */
export async function startServer(
  context: BenchContext,
  env: Readonly<Record<string, string>> = {},
  folder = join(context.folder, `data-${++folders}`),
): Promise<ServerProcess> {
  mkdirSync(folder, { recursive: true });
  const server = await ServerProcess.start({ folder, env });
  own(server.pid);
  void server.exited.then(() => disown(server.pid));
  return server;
}

/** Median of one durable append, now. */
export function flushP50Ms(context: BenchContext, count = sized(context, 200, 50)): number {
  return percentile(measureRawFlush(context.folder, count), 0.5);
}

/** Who used the processors between the start and the end of a measurement. */
export class CpuWatch {
  readonly #startedMs = performance.now();
  readonly #busyMs = machineBusyMs();
  readonly #ownCpu = process.cpuUsage();
  readonly #before: ReadonlyMap<number, number | null>;

  /** `pids`: whose use is not a neighbour's. */
  constructor(pids: readonly number[]) {
    this.#before = new Map(pids.map((pid) => [pid, processCpuMs(pid)]));
  }

  /** `started`: processes that were started meanwhile. */
  end(started: readonly number[] = []): {
    readonly cores: readonly (number | null)[];
    readonly otherCores: number | null;
    readonly wallMs: number;
  } {
    const wallMs = performance.now() - this.#startedMs;
    const { user, system } = process.cpuUsage(this.#ownCpu);
    const used = [...this.#before].map(([pid, before]) => {
      const after = processCpuMs(pid);
      return before === null || after === null ? null : after - before;
    });
    const startedMs = started.map((pid) => processCpuMs(pid));
    const busyMs = machineBusyMs();
    const cores = used.map((ms) => (ms === null ? null : ms / wallMs));
    if (busyMs === null || this.#busyMs === null || [...used, ...startedMs].includes(null)) {
      return { cores, otherCores: null, wallMs };
    }
    const known = [...used, ...startedMs].reduce<number>((sum, ms) => sum + ms!, (user + system) / 1000);
    return { cores, otherCores: Math.max(0, (busyMs - this.#busyMs - known) / wallMs), wallMs };
  }
}
