/** `stateset-sequencer backup`: a consistent copy of the log while the service runs. */
import { existsSync } from "node:fs";
import { BackupRefusedError, backUp } from "../store/sqlite/backup.js";
import { databasePath } from "../store/sqlite/connection.js";
import { CommandArgs } from "./command-args.js";
import { printable } from "./offline/checklist.js";

const USAGE = `Usage: stateset-sequencer backup FILE [--data-dir DIR] [--force]

Writes the log to FILE, also while the service runs: one consistent state, flushed to disk, readable by its owner only, read
back before it gets its name. FILE holds the log, agents' public keys and hashes of API keys. It does not hold the data
folder's secrets (receipt-signing.key, checkpoint-signing.key, sequencer.id, admin.key): keep those in a secret store, once.

  --data-dir DIR   The service's data folder [./data]
  --force          Replace FILE

Exit codes: 0 written, 1 failed, 2 bad usage or FILE exists.`;

/** Resolves to the exit code. Throws UsageError. */
export async function backupCommand(argv: readonly string[]): Promise<number> {
  const args = new CommandArgs("backup", argv, { "data-dir": { type: "string" }, force: { type: "boolean" } });
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const [file] = args.expect("FILE");
  const folder = args.text("data-dir") ?? "./data";
  if (!existsSync(databasePath(folder))) throw args.refuse(`there is no log in ${folder}`);
  try {
    const { logId, epoch, nextOffset } = backUp(folder, file!, args.has("force"));
    console.log(`${file}: ${nextOffset} entries of log ${printable(logId)}, epoch ${epoch}`);
    return 0;
  } catch (error) {
    if (error instanceof BackupRefusedError) throw args.refuse(error.message);
    console.error(`stateset-sequencer backup: nothing was written: ${(error as Error).message}`);
    return 1;
  }
}
