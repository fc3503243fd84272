/** Starts every peer whose binary is there. One that is absent, or does not start, is named with the reason. */
import { chmodSync, mkdirSync } from "node:fs";
import { startNats } from "./nats.js";
import type { AbsentPeer, Peer } from "./peer.js";
import { startPostgres } from "./postgres.js";
import { startRedis } from "./redis.js";

export interface Peers extends AsyncDisposable {
  readonly present: readonly Peer[];
  readonly absent: readonly AbsentPeer[];
}

const STARTS = { postgres: startPostgres, redis: startRedis, nats: startNats } as const;

export async function startPeers(folder: string): Promise<Peers> {
  const present: Peer[] = [];
  const absent: AbsentPeer[] = [];
  // PostgreSQL refuses to run as root: its account must get through to its own folder.
  chmodSync(folder, 0o711);
  const parent = `${folder}/peers`;
  mkdirSync(parent, { mode: 0o711 });
  for (const [name, start] of Object.entries(STARTS)) {
    try {
      present.push(await start(parent));
    } catch (error) {
      absent.push({ name, because: reasonOf(error) });
    }
  }
  return {
    present,
    absent,
    async [Symbol.asyncDispose]() {
      for (const peer of present) await peer[Symbol.asyncDispose]();
    },
  };
}

function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException)?.code === "ENOENT") return "its binary is not installed";
  return error instanceof Error ? error.message.split("\n", 1)[0]! : "it did not start";
}
