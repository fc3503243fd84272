/** Waits for the work that a service does on its own after a start or a load: trees, commitments, checkpoints. */
import { processCpuMs } from "./cpu.js";
import { until } from "./deadline.js";

const LOOK_MS = 500;
/** Of one core. */
const IDLE_SHARE_MAX = 0.06;
const LOOKS_IN_A_ROW = 2;

export async function untilIdle(pid: number, msMax = 180_000): Promise<void> {
  let before = processCpuMs(pid);
  let idle = 0;
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  await until("the service's own work", msMax, LOOK_MS, async () => {
    const now = processCpuMs(pid);
    // Nothing to see on this system: what can be waited for is time.
    if (now === null || before === null) return true;
    idle = (now - before) / LOOK_MS <= IDLE_SHARE_MAX ? idle + 1 : 0;
    before = now;
    return idle >= LOOKS_IN_A_ROW;
  });
}
