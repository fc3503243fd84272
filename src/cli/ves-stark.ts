#!/usr/bin/env node
/**
 * Entry of the `ves-stark` command: proofs of compliance, made and verified offline. Exit codes by meaning are in
 * `ves-stark-io.ts`. What a proof shows and does not show is in `src/stark/README.md`.
 */
import { Command, CommanderError } from "commander";
import { addBatchCommands } from "./ves-stark-batch.js";
import { addComplianceCommands } from "./ves-stark-compliance.js";
import { EXIT, exitCodeOf } from "./ves-stark-io.js";

const program = new Command("ves-stark")
  .description("STARK proofs that an amount complies with a policy. Version 2 proofs do not hide the amount.")
  .exitOverride();
addComplianceCommands(program);
addBatchCommands(program);
for (const command of program.commands) command.exitOverride();

try {
  program.parse();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else {
    process.exitCode = exitCodeOf(error);
    process.stderr.write(`error: ${error instanceof Error ? error.message : "unknown"}\n`);
  }
}
