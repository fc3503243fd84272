import type { ResourceLimits } from "node:worker_threads";

/**
 * Heap of a thread of the service. Nearly all it allocates is dead within a task, so room for more of it than a core's
 * cache holds only costs: at the engine's default of three times 16 MB a loaded service needs 100 MB more, and 5 % more time.
 */
export const WORKER_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 12 };

/**
 * The same bound for the main thread, which takes it from Node's command line or NODE_OPTIONS alone. A young generation is three
 * such semi-spaces. At the default of 16 a loaded service needs 40 MB more, what dead buffers hold included.
 */
export const SERVICE_NODE_FLAGS: readonly string[] = ["--max-semi-space-size=4"];
