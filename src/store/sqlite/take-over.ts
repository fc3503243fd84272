import { checkpointOrigin } from "../../protocol/tlog-checkpoint.js";
import type { LogIdentity } from "../contract.js";
import type { Connection } from "./connection.js";
import { raiseEpoch } from "./log-identity.js";
import { TlogEntries } from "./tlog-entries.js";
import { tlogRefusal } from "./tlog-signing.js";

/** What it takes to see whether a folder may sign. */
export interface TakeOver {
  readonly originPrefix: string;
  readonly guardPath: string;
  /** Of `tlog.db`. */
  readonly tlogMigrationsFolder: string;
}

/**
 * The operator says that this copied or restored folder is the log from now on. Where its checkpoints are refused it gets
 * a new epoch, and with it a new origin that has signed nothing yet; everywhere else nothing happens, so the option may
 * stay set. Crash after the epoch was raised: the next start finds a folder that may sign.
 */
export function takeOverIfRefused(
  db: Connection,
  identity: LogIdentity,
  { originPrefix, guardPath, tlogMigrationsFolder }: TakeOver,
  { folder, nowMs }: { readonly folder: string; readonly nowMs: number },
): LogIdentity {
  const origin = checkpointOrigin(originPrefix, identity);
  const signing = { folder, migrationsFolder: tlogMigrationsFolder, origin, nowMs, guardPath };
  return tlogRefusal(signing, new TlogEntries(db)) === null ? identity : raiseEpoch(db, nowMs);
}
