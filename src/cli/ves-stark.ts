#!/usr/bin/env node
/**
 * Entry of the `ves-stark` command: proofs of compliance, made and verified offline. Exit codes by meaning are in
 * `ves-stark-io.ts`. What a proof shows and does not show is in `src/stark/README.md`.
 */
import { Command, CommanderError } from "commander";
import { packageVersion } from "../base/asset-paths.js";
import { printable } from "./offline/checklist.js";
import { addBatchCommands } from "./ves-stark-batch.js";
import { addBenchmarkCommand } from "./ves-stark-benchmark.js";
import { addComplianceCommands } from "./ves-stark-compliance.js";
import { EXIT, exitCodeOf, surviveClosedOutput } from "./ves-stark-io.js";
import { addSubmitCommand } from "./ves-stark-submit.js";

const program = new Command("ves-stark")
  .version(packageVersion)
  .description("STARK proofs that an amount complies with a policy. Version 2 proofs do not hide the amount.")
  .helpCommand(false)
  .exitOverride();
addComplianceCommands(program);
addSubmitCommand(program);
addBenchmarkCommand(program);
addBatchCommands(program);
// In place of the library's own, which answers an unknown name with the whole usage.
program
  .command("help [command]")
  .description("display help for command")
  .action((name?: string) => {
    const about = name === undefined ? program : program.commands.find((command) => command.name() === name);
    return about === undefined ? program.error(`error: unknown command '${name}'`) : about.help();
  });
for (const command of program.commands) command.exitOverride();

surviveClosedOutput();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else {
    process.exitCode = exitCodeOf(error);
    // Messages name what documents hold, and nobody vouches for those.
    process.stderr.write(`error: ${printable(error instanceof Error ? error.message : "unknown")}\n`);
  }
}
