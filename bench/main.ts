/** `npm run bench`: a real service on a real disk, a load from another process, the machine's limits beside every figure. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/base/asset-paths.js";
import { ServerProcess } from "../src/cli/server-process.js";
import { Kernels } from "./kernels.js";
import { LoadProcess } from "./load-process.js";
import { buildFacts, isVolatile, type MachineFacts, machineFacts } from "./machine.js";
import { type LimitRound, type LoadRound, type LoadSummary, summarize } from "./measurement.js";
import { makePlan, type Plan, ROUNDS_MIN } from "./plan.js";
import { type Results, renderReport } from "./report.js";
import { type Bench, measureLimits, measureLoad } from "./run-round.js";
import { judge } from "./targets.js";

const HELP = `Usage: npm run bench -- [--quick] [--only <load>] [--folder <parent of the data folder>] [--no-save]
bench/README.md says what the figures mean. Exit code 1: a figure is invalid.`;

const OPTIONS = {
  quick: { type: "boolean", default: false },
  only: { type: "string" },
  folder: { type: "string", default: tmpdir() },
  "no-save": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const plan = makePlan({ quick: values.quick, only: values.only ?? null });
  const folder = mkdtempSync(join(values.folder, "sequencer-bench-"));
  try {
    const results = await runBench(plan, folder);
    console.log(renderReport(results));
    if (!values["no-save"]) console.log(`\nSaved as ${save(results)}`);
    process.exitCode = results.isValid ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBench(plan: Plan, folder: string): Promise<Results> {
  const startedAt = new Date();
  const machine = machineFacts(folder);
  const limits: LimitRound[] = [];
  const rounds = plan.loads.map((): LoadRound[] => []);
  await using server = await ServerProcess.start({ folder: join(folder, "data") });
  using load = await LoadProcess.start({ port: server.port, adminKey: server.adminKey });
  const bench: Bench = { server, load, kernels: new Kernels(folder), folder, events: 0 };
  await warmUp(bench, plan);
  for (let round = 0; round < plan.rounds; round++) {
    if (round >= ROUNDS_MIN && Date.now() - startedAt.getTime() > plan.msMax) break;
    progress(`round ${round + 1} of ${plan.rounds}`);
    limits.push(measureLimits(bench, plan));
    for (const [index, shape] of plan.loads.entries()) rounds[index]!.push(await measureLoad(bench, shape));
  }
  progress("");
  const loads = plan.loads.map((shape, index) => summarize(shape, limits, rounds[index]!, machine.cores));
  return {
    format: 1,
    startedAt: startedAt.toISOString(),
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
    durationS: Math.round((Date.now() - startedAt.getTime()) / 1000),
    machine,
    build: buildFacts(),
    plan,
    limits,
    loads,
    targets: judge(loads, whyUnfit(plan, machine)),
    isValid: loads.every((summary: LoadSummary) => summary.invalid === null),
  };
}

async function warmUp(bench: Bench, plan: Plan): Promise<void> {
  progress("warming up");
  measureLimits(bench, plan);
  for (const shape of plan.warmups) {
    const { invalid } = await measureLoad(bench, shape);
    if (invalid !== null) throw new Error(`warm-up ${shape.name}: ${invalid}`);
  }
}

function whyUnfit(plan: Plan, machine: MachineFacts): string | null {
  if (plan.mode === "quick") return "samples of a quick run are too small";
  return isVolatile(machine.fileSystem) ? `${machine.fileSystem} keeps nothing: no flush was measured` : null;
}

/** Returns the file's path inside the package. */
function save(results: Results): string {
  const { startedAt, build, plan } = results;
  const folder = join(packageRoot, "bench", "results");
  const name = [
    startedAt.slice(0, 10),
    build.commit + (build.isModified ? "+" : ""),
    ...(plan.mode === "full" ? [] : [plan.mode]),
  ];
  const path = join(folder, `${name.join("-")}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, rounded, 2)}\n`);
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
