#!/usr/bin/env node
/** Entry of `stateset-sequencer-admin`: commands on a data folder whose service is stopped. */
import { packageVersion } from "../base/asset-paths.js";
import { EXIT } from "../base/exit-codes.js";
import { FolderLockedError } from "../store/sqlite/folder-lock.js";
import { backfillVesStateRootsCommand } from "./backfill-ves-state-roots.js";
import { UsageError } from "./usage-error.js";

interface AdminCommand {
  readonly summary: string;
  /** Resolves to the exit code. */
  run(args: readonly string[]): Promise<number>;
}

const COMMANDS: Readonly<Record<string, AdminCommand>> = {
  "backfill-ves-state-roots": {
    summary: "Compute the state roots of commitments from older databases",
    run: backfillVesStateRootsCommand,
  },
};

const HELP = `stateset-sequencer-admin ${packageVersion}

Usage: stateset-sequencer-admin COMMAND [options]; COMMAND --help tells more

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(28)} ${summary}`)
  .join("\n")}`;

async function main([name = "help", ...args]: readonly string[]): Promise<number> {
  if (["help", "-h", "--help", "commands"].includes(name)) {
    const [about] = args;
    if (about !== undefined) return commandOf(about).run(["--help"]);
    console.log(HELP);
    return 0;
  }
  if (["version", "-V", "-v", "--version"].includes(name)) {
    console.log(packageVersion);
    return 0;
  }
  return commandOf(name).run(args);
}

function commandOf(name: string): AdminCommand {
  const command = COMMANDS[name];
  if (command === undefined) throw new UsageError(`unknown command ${name}; see --help`);
  return command;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`stateset-sequencer-admin: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof UsageError) process.exitCode = EXIT.usage;
    else process.exitCode = error instanceof FolderLockedError ? EXIT.locked : EXIT.failed;
  },
);
