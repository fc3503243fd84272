/** Every family of the bench, in the order of a whole run. */
import type { BenchContext } from "../context.js";
import { isLoadName } from "../plan.js";
import type { FamilyResult } from "../result.js";
import { runFanout } from "./fanout.js";
import { runGrowth } from "./growth.js";
import { runIngest } from "./ingest.js";
import { runKernels } from "./kernels.js";
import { runLatency } from "./latency.js";
import { runMemory } from "./memory.js";
import { runOverload } from "./overload.js";
import { runProofs } from "./proofs.js";
import { runReplay } from "./replay.js";
import { runRestart } from "./restart.js";

export type Family = (context: BenchContext) => Promise<FamilyResult>;

const FAMILIES: Readonly<Record<string, Family>> = {
  // First: before anything else was loaded into this process.
  kernels: runKernels,
  ingest: runIngest,
  latency: runLatency,
  overload: runOverload,
  fanout: runFanout,
  memory: runMemory,
  growth: runGrowth,
  restart: runRestart,
  replay: runReplay,
  proofs: runProofs,
};

export interface Choice {
  readonly families: readonly (readonly [string, Family])[];
  /** One load of the ingest family. */
  readonly load: string | null;
}

/** `only` names a family, or a load or group of loads of the ingest family. Throws for any other name. */
export function chooseFamilies(only: string | null): Choice {
  const all = Object.entries(FAMILIES);
  if (only === null) return { families: all, load: null };
  const family = Object.hasOwn(FAMILIES, only) ? FAMILIES[only] : undefined;
  if (family !== undefined) return { families: [[only, family]], load: null };
  if (isLoadName(only)) return { families: [["ingest", runIngest]], load: only };
  throw new Error(`--only ${only}: choose from ${Object.keys(FAMILIES).join(", ")}, or a load such as single.64`);
}
