/**
 * Moves the write-ahead log into the database file, from its own connection and thread, never inside a lane commit.
 * A PASSIVE checkpoint does the bulk without blocking anyone. Under steady load it never catches up with the writer, so
 * the file could grow without end: from `walBytesMax` a RESTART checkpoint holds the writer back for the short rest.
 * Bound on the WAL: `walBytesMax` plus what the lane writes in one interval, unless a program outside this service keeps a
 * transaction open on the file: then it grows until that ends, and the lane goes on.
 */
import { statSync } from "node:fs";
import { crashPoint } from "../../base/crash-point.js";
import { type Connection, databasePath, isDiskFull } from "./connection.js";

export interface CheckpointPolicy {
  /** WAL size from which a PASSIVE checkpoint runs. */
  readonly walBytesTarget: number;
  /** WAL content from which the writer is made to wait. */
  readonly walBytesMax: number;
  readonly intervalMs: number;
}

/** What the checkpoint thread is started with. */
export interface CheckpointWorkerData {
  readonly folder: string;
  readonly policy: CheckpointPolicy;
}

/** `full` = the disk took nothing of it: the write-ahead log keeps everything, and the next look tries again. */
export type CheckpointMode = "none" | "passive" | "restart" | "full";

/** A page of 4,096 bytes and its frame header. */
const WAL_FRAME_BYTES = 4096 + 24;

export function checkpointIfDue(db: Connection, folder: string, policy: CheckpointPolicy): CheckpointMode {
  if (walSize(folder) < policy.walBytesTarget) return "none";
  try {
    return checkpoint(db, policy);
  } catch (error) {
    if (isDiskFull(error)) return "full";
    throw error;
  }
}

function checkpoint(db: Connection, policy: CheckpointPolicy): CheckpointMode {
  crashPoint("checkpoint.begun");
  const [passive] = db.pragma("wal_checkpoint(PASSIVE)") as { log: number }[];
  crashPoint("checkpoint.passive");
  // Also when all of it was moved: the writer begins the log anew only if it added nothing meanwhile, and under load it has.
  if (passive!.log * WAL_FRAME_BYTES < policy.walBytesMax) return "passive";
  db.pragma("wal_checkpoint(RESTART)");
  crashPoint("checkpoint.restart");
  return "restart";
}

export function walSize(folder: string): number {
  return statSync(`${databasePath(folder)}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
