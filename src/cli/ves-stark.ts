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
  .exitOverride();
addComplianceCommands(program);
addSubmitCommand(program);
addBenchmarkCommand(program);
addBatchCommands(program);
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
