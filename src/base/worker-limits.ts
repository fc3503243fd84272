import type { ResourceLimits } from "node:worker_threads";

/**
 * Heap of a thread of the service. Nearly all it allocates is dead within a task, so room for more of it than a core's
 * cache holds only costs: at the engine's default of three times 16 MB a loaded service needs 100 MB more, and 5 % more time.
 */
export const WORKER_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 12 };

/**
 * What Node takes from its command line or NODE_OPTIONS alone. The same bound for the main thread: a young generation is three
 * such semi-spaces; at the default of 16 a loaded service needs 40 MB more, what dead buffers hold included. And one helper
 * thread that collects garbage and compiles: at each full collection the default of four kept the lane and the verify threads
 * from two cores for 5 to 10 ms, the p99 of acks at half load.
 */
export const SERVICE_NODE_FLAGS: readonly string[] = ["--max-semi-space-size=4", "--v8-pool-size=1"];

/**
 * What the service tells the engine itself, before it starts a thread: it is looked at anew by each collection. Nearly nothing of a
 * young generation is alive, so a helper thread has no part worth copying, and a thread that has let it begin waits until it is
 * done: on two busy cores that is when the system lets it run. Ack p99.9 at half load 15 ms, with the helper 25.
 */
export const ENGINE_FLAGS: readonly string[] = ["--no-parallel-scavenge"];
