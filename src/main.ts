#!/usr/bin/env -S node --max-semi-space-size=4 --v8-pool-size=1
/** Process entry: which command, which exit code. */
import { packageVersion } from "./base/asset-paths.js";
import { EXIT } from "./base/exit-codes.js";
import { UsageError } from "./cli/usage-error.js";
import { ConfigError, describeOptions, readConfig, unheededVariables } from "./config.js";
import { FolderLockedError } from "./store/sqlite/folder-lock.js";

const HELP = `stateset-sequencer ${packageVersion}: signed agent events in, one durable order, signed receipts out.

Usage: stateset-sequencer [serve] [options]
       stateset-sequencer health [options]      is the service with these options ready?
       stateset-sequencer backup | restore | verify-log | verify-receipt | verify-proof | verify-commitment |
       verify-checkpoint --help
       ves-stark --help, stateset-sequencer-admin --help    programs of their own; in the one file commands too

Options come from flags, then the environment, then --config <file.json>:
${describeOptions()}

  --help, --version; help COMMAND
Exit codes: 0 clean, 1 shutdown cut short or not ready, 2 bad configuration or usage, 6 what was verified is not sound, 70 fatal (restart recovers), 73 no folder to unpack into (one file), 75 data folder in use.`;

type Env = Readonly<Record<string, string | undefined>>;

type Command = (args: readonly string[], env: Env) => Promise<number>;

/** Commands beside the service. Each resolves to its exit code; like the service, each is loaded when it is called. */
const OFFLINE: Readonly<Record<string, () => Promise<Command>>> = {
  backup: async () => (await import("./cli/backup.js")).backupCommand,
  restore: async () => (await import("./cli/restore.js")).restoreCommand,
  "verify-log": async () => (await import("./cli/verify-log.js")).verifyLogCommand,
  "verify-checkpoint": async () => (await import("./cli/verify-checkpoint.js")).verifyCheckpointCommand,
  "verify-receipt": async () => (await import("./cli/verify-receipt.js")).verifyReceiptCommand,
  "verify-proof": async () => (await import("./cli/verify-proof.js")).verifyProofCommand,
  "verify-commitment": async () => (await import("./cli/verify-commitment.js")).verifyCommitmentCommand,
};

const HELP_FLAGS = ["-h", "--help"];
const VERSION_FLAGS = ["-V", "-v", "--version"];

async function main(args: readonly string[]): Promise<void> {
  const [first = "serve", ...others] = args;
  if (first === "help") return main([others[0] ?? "serve", "--help"]);
  if (first === "version") return main(["--version"]);
  const [command, rest] = first.startsWith("-") ? ["serve", args] : [first, others];
  const load = OFFLINE[command];
  if (load !== undefined) process.exitCode = await (await load())(rest, process.env);
  else if (command !== "serve" && command !== "health") {
    throw new ConfigError([`unknown command ${command}; see --help`]);
  } else if (rest.some((arg) => HELP_FLAGS.includes(arg))) console.log(HELP);
  else if (rest.some((arg) => VERSION_FLAGS.includes(arg))) console.log(packageVersion);
  else {
    const config = readConfig(rest, process.env);
    if (command === "serve") await (await import("./serve.js")).serve(config, unheededVariables(process.env));
    else process.exitCode = await (await import("./cli/health.js")).healthCommand(config);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) {
    console.error(`stateset-sequencer ${error.message}`);
    process.exit(EXIT.usage);
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(`stateset-sequencer: ${problem}`);
    process.exit(EXIT.usage);
  }
  console.error(`stateset-sequencer: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof FolderLockedError ? EXIT.locked : EXIT.fatal);
});
