/**
 * Moves the write-ahead log into the database file, from its own connection and thread, never inside a lane commit.
 * A PASSIVE checkpoint does the bulk without blocking anyone. Under steady load it never catches up with the writer, so
 * the file could grow without end: from `walBytesMax` passes follow each other until little is left, and then a RESTART
 * checkpoint holds the writer back for that little.
 * Bound on the WAL: `walBytesMax` plus what the lane writes meanwhile, unless a program outside this service keeps a
 * transaction open on the file: then it grows until that ends, and the lane goes on.
 */
import { statSync } from "node:fs";
import { crashPoint } from "../../base/crash-point.js";
import { type Connection, databasePath, isDiskFull } from "./connection.js";
import { WriterPause } from "./writer-pause.js";

export interface WalCheckpointPolicy {
  /** WAL size from which a PASSIVE checkpoint runs. */
  readonly walBytesTarget: number;
  /** WAL content from which the writer is made to wait. */
  readonly walBytesMax: number;
  readonly intervalMs: number;
}

/** What the checkpoint thread is started with. */
export interface WalCheckpointWorkerData {
  readonly folder: string;
  readonly policy: WalCheckpointPolicy;
  /** `WriterPause` shared with the lane. */
  readonly writerPause: SharedArrayBuffer;
}

/** `disk_full`: nothing of it was taken, the write-ahead log keeps everything, and the next look tries again. */
export type WalCheckpointMode = "none" | "passive" | "restart" | "disk_full";

export interface WalCheckpointOutcome {
  readonly mode: WalCheckpointMode;
  /** Milliseconds the writer was held back. */
  readonly heldMs: number;
}

/** A page of 4,096 bytes and its frame header. */
const WAL_FRAME_BYTES = 4096 + 24;

/** What a pass may leave for a RESTART: a few milliseconds of writing. */
const LITTLE_FRAMES = 256;
/** Passes at most: against a writer faster than the disk they would never catch up. */
const PASSES_MAX = 4;
/** How long a RESTART waits for the writer's transaction to end; it tries again at the next look. */
const PAUSE_MS_MAX = 1_000;

export function checkpointIfDue(
  db: Connection,
  folder: string,
  policy: WalCheckpointPolicy,
  pause: WriterPause = new WriterPause(WriterPause.allocate()),
): WalCheckpointOutcome {
  if (walSize(folder) < policy.walBytesTarget) return { mode: "none", heldMs: 0 };
  try {
    return checkpoint(db, policy, pause);
  } catch (error) {
    if (isDiskFull(error)) return { mode: "disk_full", heldMs: 0 };
    throw error;
  }
}

function checkpoint(db: Connection, policy: WalCheckpointPolicy, pause: WriterPause): WalCheckpointOutcome {
  crashPoint("checkpoint.begun");
  let frames = movePassively(db);
  crashPoint("checkpoint.passive");
  // Also when all of it was moved: the writer begins the log anew only if it added nothing meanwhile, and under load it has.
  if (frames * WAL_FRAME_BYTES < policy.walBytesMax) return { mode: "passive", heldMs: 0 };
  for (let passes = 1, added = frames; added > LITTLE_FRAMES && passes < PASSES_MAX; passes++) {
    const before = frames;
    frames = movePassively(db);
    added = frames - before;
  }
  if (!pause.hold(PAUSE_MS_MAX)) return { mode: "passive", heldMs: 0 };
  const startedMs = performance.now();
  try {
    db.pragma("wal_checkpoint(RESTART)");
    crashPoint("checkpoint.restart");
  } finally {
    pause.release();
  }
  return { mode: "restart", heldMs: performance.now() - startedMs };
}

/**
 * The service ends because `lost`, one of its files, is no longer where the next start looks for it. The writer waits from
 * here on, and what it has written is moved into the database: a write-ahead log without a name is gone with the process.
 * Returns where the writer did not stop in time; then nothing has happened.
 */
export function endWithout(lost: string, db: Connection, pause: WriterPause): void {
  if (!pause.hold(PAUSE_MS_MAX)) return;
  try {
    db.pragma("wal_checkpoint(FULL)");
  } catch {
    // SQLite refuses where the database itself was moved: then it and its write-ahead log are whole, under two names.
  }
  throw new Error(`${lost} was deleted, moved or replaced while the service runs`);
}

/** Returns the frames in the log when the pass was over. */
function movePassively(db: Connection): number {
  const [passive] = db.pragma("wal_checkpoint(PASSIVE)") as { log: number }[];
  return passive!.log;
}

export function walSize(folder: string): number {
  return statSync(`${databasePath(folder)}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
