/** One round: the limits, then each load, on the same machine within the same seconds. */

import type { ServerProcess } from "../src/cli/server-process.js";
import { machineBusyMs, processCpuMs, processRssMib } from "./cpu.js";
import { measureProcessor } from "./kernel-process.js";
import { headOf } from "./load/call.js";
import type { ClosedLoopResult } from "./load/closed-loop.js";
import type { LoadProcess } from "./load/load-process.js";
import type { LimitRound, LoadRound } from "./measurement.js";
import type { Load, Plan } from "./plan.js";
import { measureRawFlush } from "./raw-flush.js";
import { percentile } from "./statistics.js";

export interface Bench {
  readonly server: ServerProcess;
  readonly load: LoadProcess;
  /** On the file system of the log. */
  readonly folder: string;
  /** Events acknowledged so far, warm-up included: what the head must say. */
  events: number;
}

export async function measureLimits({ folder }: Bench, plan: Plan): Promise<LimitRound> {
  const flushMs = measureRawFlush(folder, plan.flushes);
  const totalMs = flushMs.reduce((sum, ms) => sum + ms, 0);
  return {
    flushP50Ms: percentile(flushMs, 0.5),
    flushP99Ms: percentile(flushMs, 0.99),
    flushesPerSecond: (flushMs.length * 1000) / totalMs,
    ...(await measureProcessor(folder, plan.kernelMs)),
  };
}

export async function measureLoad(bench: Bench, load: Load): Promise<LoadRound> {
  const { pid } = bench.server;
  await bench.load.prepare(load);
  const [serverMs, busyMs] = [processCpuMs(pid), machineBusyMs()];
  const result = await bench.load.drive();
  const serverCpuMs = difference(processCpuMs(pid), serverMs);
  const busyCpuMs = difference(machineBusyMs(), busyMs);
  const { wallMs, clientCpuMs, ackMs, requestsSent } = result;
  const events = requestsSent * load.eventsPerRequest;
  bench.events += events;
  const clientCores = clientCpuMs / wallMs;
  const serverCores = serverCpuMs === null ? null : serverCpuMs / wallMs;
  const otherCores =
    serverCores === null || busyCpuMs === null ? null : Math.max(0, busyCpuMs / wallMs - serverCores - clientCores);
  return {
    requests: requestsSent,
    events,
    eventsPerSecond: (events * 1000) / wallMs,
    ackP50Ms: percentile(ackMs, 0.5),
    ackP99Ms: percentile(ackMs, 0.99),
    ackMaxMs: percentile(ackMs, 1),
    serverCores,
    clientCores,
    otherCores,
    serverRssMib: processRssMib(pid),
    invalid: await findFault(bench, result, events),
  };
}

/** The gate: a rate of events that were not all accepted, stored once and receipted is not a figure. */
async function findFault(bench: Bench, result: ClosedLoopResult, events: number): Promise<string | null> {
  const { refusals, eventsAccepted } = result;
  if (refusals > 0) return `${refusals} of ${result.requestsSent} requests were not answered with 200`;
  if (eventsAccepted !== events) return `${eventsAccepted} of ${events} events were accepted`;
  const head = await headOf(bench.server);
  if (head !== bench.events) return `the head is ${head} after ${bench.events} events`;
  return bench.load.check();
}

function difference(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}
