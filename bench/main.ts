/** `npm run bench`: a real service on a real disk, loads from other processes, the machine's limits and its rivals beside every figure. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/base/asset-paths.js";
import type { BenchContext, Mode } from "./context.js";
import { withDeadline } from "./deadline.js";
import { chooseFamilies, type Family } from "./families/families.js";
import { buildFacts, isVolatile, type MachineFacts, machineFacts } from "./machine.js";
import { killOwned, killOwnedAtExit } from "./owned-processes.js";
import { type Results, renderFamily, renderHead, renderTargets } from "./report/report.js";
import { renderSvg } from "./report/svg.js";
import type { FamilyResult } from "./result.js";
import { judge, targetsOf } from "./targets.js";

const HELP = `Usage: npm run bench -- [--quick | --long] [--only <family or load>] [--folder <parent of the data folder>] [--no-save]
bench/README.md says what the figures mean. Exit code 1: a figure is invalid.`;

const OPTIONS = {
  quick: { type: "boolean", default: false },
  long: { type: "boolean", default: false },
  only: { type: "string" },
  folder: { type: "string", default: tmpdir() },
  "no-save": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** A family that takes longer is given up: its figures are missing, the others are kept. */
const FAMILY_MS_MAX = { quick: 120_000, full: 300_000, long: 1_800_000 } as const;

const END_MS_MAX = 10_000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  killOwnedAtExit();
  const mode: Mode = values.quick ? "quick" : values.long ? "long" : "full";
  const { families, load } = chooseFamilies(values.only ?? null);
  const folder = mkdtempSync(join(values.folder, "sequencer-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const machine = machineFacts(folder);
  const context = { mode, folder, machine, only: load, progress };
  const results = await runFamilies(context, families, values.only === undefined);
  if (!values["no-save"]) console.log(`\nSaved as ${save(results, values.only ?? null)}`);
  // Whatever a family that was given up still holds ends here.
  process.exit(results.isValid ? 0 : 1);
}

async function runFamilies(
  context: BenchContext,
  families: readonly (readonly [string, Family])[],
  isWhole: boolean,
): Promise<Results> {
  const { mode, machine } = context;
  const startedAt = new Date();
  const head = {
    ...{ format: 2 as const, startedAt: startedAt.toISOString(), mode, machine, build: buildFacts() },
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
  };
  console.log(renderHead({ ...head, durationS: 0, isValid: true }));
  const done: FamilyResult[] = [];
  for (const [name, family] of families) {
    const result = await runFamily(name, family, context);
    progress("");
    console.log(renderFamily(result));
    done.push(result);
  }
  const targets = judge(targetsOf(isWhole ? null : done.map(({ family }) => family)), done, whyUnfit(mode, machine));
  console.log(renderTargets(targets));
  const durationS = Math.round((Date.now() - startedAt.getTime()) / 1000);
  return { ...head, durationS, families: done, targets, isValid: done.every(({ faults }) => faults.length === 0) };
}

/** One family's failure is its own: the others still run. */
async function runFamily(name: string, family: Family, context: BenchContext): Promise<FamilyResult> {
  const startedMs = performance.now();
  const running = family(context);
  try {
    return await withDeadline(running, FAMILY_MS_MAX[context.mode], name);
  } catch (error) {
    // Without its processes it comes to its end, and disturbs nobody who comes after it.
    killOwned();
    await withDeadline(running, END_MS_MAX, name).catch(() => {});
    const fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const seconds = (performance.now() - startedMs) / 1000;
    return { family: name, seconds, lines: [], measures: {}, plots: [], faults: [fault], raw: null };
  }
}

function whyUnfit(mode: Mode, machine: MachineFacts): string | null {
  if (mode === "quick") return "samples of a quick run are too small";
  return isVolatile(machine.fileSystem) ? `${machine.fileSystem} keeps nothing: no flush was measured` : null;
}

/** Returns the results file's path inside the package. A run of everything also draws its plots. */
function save(results: Results, only: string | null): string {
  const { startedAt, build, mode } = results;
  const folder = join(packageRoot, "bench", "results");
  const parts = [startedAt.slice(0, 10), build.commit + (build.isModified ? "+" : "")];
  if (mode !== "full") parts.push(mode);
  if (only !== null) parts.push(only);
  const path = join(folder, `${parts.join("-")}.json`);
  mkdirSync(folder, { recursive: true });
  const families = results.families.map(({ plots: _, lines: __, ...family }) => family);
  writeFileSync(path, `${JSON.stringify({ ...results, families }, rounded, 2)}\n`);
  if (only === null && mode !== "quick") {
    for (const plot of results.families.flatMap(({ plots }) => plots)) {
      writeFileSync(join(folder, `${plot.name}.svg`), renderSvg(plot));
    }
  }
  return relative(packageRoot, path);
}

/** Four significant digits after the point are more than any of this can carry. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Math.round(value * 10_000) / 10_000 : value;
}

/** One line on a terminal, nothing elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
});
