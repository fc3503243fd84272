/** `stateset-sequencer restore`: a backup becomes the log of a data folder, under a raised epoch. */
import { existsSync } from "node:fs";
import { systemClock } from "../base/clock.js";
import { BackupRefusedError, restore } from "../store/sqlite/backup.js";
import { FolderLockedError } from "../store/sqlite/folder-lock.js";
import { CommandArgs } from "./command-args.js";
import { printable } from "./offline/checklist.js";

const USAGE = `Usage: stateset-sequencer restore FILE --data-dir DIR [--force] [--epoch N]

Makes the backup FILE the log of DIR. The log keeps its id; its epoch is raised, so that every cursor from before is answered
with LOG_MISMATCH: entries after the backup are gone, and their numbers will be given to others. Put the keys and
sequencer.id into DIR to go on signing as before; without them the next start makes a new identity. Keys that were revoked
after the backup are good again: revoke those of agents and of the API once more before clients can reach the service.

  --data-dir DIR   The data folder; no service may run there
  --force          Replace the log in DIR. The old one is moved to DIR/replaced-<time>
  --epoch N        Use an epoch of at least N: when this backup was restored elsewhere before, or the log in DIR is unreadable

Exit codes: 0 restored, 1 failed, 2 bad usage or DIR is not empty, 75 DIR is in use.`;

/** Resolves to the exit code. Throws UsageError and FolderLockedError. */
export async function restoreCommand(argv: readonly string[]): Promise<number> {
  const args = new CommandArgs("restore", argv, {
    "data-dir": { type: "string" },
    force: { type: "boolean" },
    epoch: { type: "string" },
  });
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const [file] = args.expect("FILE");
  const folder = args.text("data-dir");
  if (folder === undefined) throw args.refuse("--data-dir is missing");
  if (!existsSync(file!)) throw args.refuse(`there is no ${file}`);
  try {
    const nowText = new Date(systemClock.nowMs()).toISOString().replaceAll(":", "-");
    const options = { file: file!, folder, isForced: args.has("force"), epochMin: args.integer("epoch", 0), nowText };
    const { head, replaced } = restore(options);
    console.log(`${folder}: ${head.nextOffset} entries of log ${printable(head.logId)}, now epoch ${head.epoch}`);
    console.log("keys that were revoked after the backup are good again: revoke them before clients come");
    if (replaced !== null) console.log(`the log that was there is kept in ${replaced}`);
    return 0;
  } catch (error) {
    if (error instanceof BackupRefusedError) throw args.refuse(error.message);
    if (error instanceof FolderLockedError) throw error;
    console.error(`stateset-sequencer restore: ${(error as Error).message}`);
    return 1;
  }
}
