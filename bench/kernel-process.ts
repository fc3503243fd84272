/**
 * The kernels in a process that does nothing else and did nothing before. With a peer's client beside them reading cost twice as
 * much; and in one process for all rounds inserting did, from the third or fifth on, whenever the engine had looked at it anew.
 */
import { Child, serveSteps } from "./child.js";
import { type KernelCosts, Kernels } from "./kernels.js";
import { measureMemoryLatencyNs } from "./memory-latency.js";

interface KernelMeasurement {
  readonly folder: string;
  readonly ms: number;
}

export interface ProcessorLimits {
  readonly kernelUs: KernelCosts;
  readonly memoryNs: number;
}

/** See `Kernels`; the first pass is not counted. `folder`: on the log's file system. */
export async function measureProcessor(folder: string, ms: number): Promise<ProcessorLimits> {
  using child = new Child(import.meta.url);
  return await child.ask<ProcessorLimits>("measure", { folder, ms } satisfies KernelMeasurement);
}

serveSteps(import.meta.url, {
  measure: ({ folder, ms }: KernelMeasurement): ProcessorLimits => {
    const kernels = new Kernels(folder);
    kernels.measure(ms);
    return { kernelUs: kernels.measure(ms), memoryNs: measureMemoryLatencyNs() };
  },
});
