/** What the service has signed of its log's tree. */
import { setTimeout as delay } from "node:timers/promises";
import type { TestService } from "./service.js";

/** The answer of `/api/v1/log/checkpoint`. */
export interface ServedCheckpoint {
  readonly size: number;
  readonly root: string;
  /** The signed note. */
  readonly checkpoint: string;
  readonly key: string;
}

const LOOK_MS = 10;

/** The checkpoint that is served now; null = none yet. */
export async function servedCheckpoint(service: TestService): Promise<ServedCheckpoint | null> {
  const { status, json } = await service.get("/api/v1/log/checkpoint");
  return status === 200 ? json : null;
}

/** Waits for one of at least `size` entries; without a size, for the first. */
export async function untilCheckpoint(service: TestService, size = 0): Promise<ServedCheckpoint> {
  for (;;) {
    const served = await servedCheckpoint(service);
    if (served !== null && served.size >= size) return served;
    await delay(LOOK_MS);
  }
}
