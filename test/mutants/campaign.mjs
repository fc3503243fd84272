/**
 * `npm run test:mutants -- [--only a,b] [--check] [--jobs N]`: plants one bug after another (`*.patch`, see README.md) into
 * scratch copies of the built tree and runs the tests that must notice it. Exit code 1: one survived, a patch no longer
 * applies or compiles, or a test fails without any bug. `--check` runs no test.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { transformSync } from "esbuild";

const root = join(import.meta.dirname, "..", "..");

/** Far beyond the slowest killer: a mutant that hangs is killed by this. */
const RUN_MS_MAX = 180_000;

/** `data` may be somebody's log. */
const NOT_COPIED = new Set(["node_modules", ".git", "results", "data"]);
/** Packages and what tests make for a moment come and go beside the built folders. */
const BUILT = new Set(["src", "workers", "bench", "packaging", "test"]);

function isCopied(path) {
  return !NOT_COPIED.has(basename(path)) && (dirname(path) !== join(root, "dist") || BUILT.has(basename(path)));
}

/** A planted bug: its patch, the file it changes, and the tests that must notice it. */
function readMutant(path) {
  const text = readFileSync(path, "utf8");
  const header = text.slice(0, text.indexOf("\n---"));
  const field = (name) => [...header.matchAll(new RegExp(`^${name}: (.+)$`, "gm"))].map((match) => match[1]);
  const killers = field("Killed-by").map((spec) => {
    const [file, pattern = ""] = spec.split(" :: ");
    return { spec, file, pattern };
  });
  const files = [...text.matchAll(/^\+\+\+ b\/(.+)$/gm)].map((match) => match[1]);
  const name = basename(path, ".patch");
  if (killers.length === 0 || field("Effect").length !== 1 || files.length !== 1) {
    throw new Error(`${name}: a patch changes one file and says Effect and Killed-by`);
  }
  for (const { file } of killers) if (!existsSync(join(root, file))) throw new Error(`${name}: there is no ${file}`);
  return { name, path, killers, file: files[0] };
}

/** A copy of the tree that mutants are planted into, one at a time. */
class Scratch {
  static #all = new Set();
  #pid = null;
  #originals = new Map();

  /** For a campaign that is stopped: no server and no folder is left behind. */
  static endAll() {
    for (const scratch of Scratch.#all) scratch[Symbol.dispose]();
  }

  constructor() {
    Scratch.#all.add(this);
    this.folder = mkdtempSync(join(tmpdir(), "sequencer-mutants-"));
    for (const entry of readdirSync(root)) {
      const source = join(root, entry);
      if (isCopied(source)) cpSync(source, join(this.folder, entry), { recursive: true, filter: isCopied });
    }
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
  }

  /** Plants mutants of different files. Throws when a patch does not apply or compile. */
  plant(mutants) {
    for (const path of mutants.flatMap(({ file }) => [file, builtPath(file)])) {
      this.#originals.set(path, readFileSync(join(this.folder, path)));
    }
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() };
    const args = ["apply", "-C1", ...mutants.map(({ path }) => path)];
    const { status, stderr } = spawnSync("git", args, { cwd: this.folder, env, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr.trim());
    for (const { file } of mutants) this.#build(file);
  }

  /** Undoes what was planted. */
  restore() {
    for (const [path, content] of this.#originals) writeFileSync(join(this.folder, path), content);
    this.#originals.clear();
  }

  #build(file) {
    const tsconfigRaw = { compilerOptions: { target: "ES2023", verbatimModuleSyntax: true } };
    const source = readFileSync(join(this.folder, file), "utf8");
    const { code } = transformSync(source, { loader: "ts", format: "esm", target: "node20", tsconfigRaw });
    writeFileSync(join(this.folder, builtPath(file)), code);
  }

  /** Runs the tests of one killer. Resolves to the first that failed, null when all passed. */
  async run({ file, pattern }) {
    const report = join(this.folder, "report.json");
    rmSync(report, { force: true });
    const args = [
      "node_modules/vitest/vitest.mjs",
      "run",
      file,
      "--bail=1",
      "--reporter=json",
      `--outputFile=${report}`,
    ];
    if (pattern !== "") args.push("-t", pattern);
    const child = spawn(process.execPath, args, { cwd: this.folder, stdio: "ignore", detached: true });
    this.#pid = child.pid;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      killGroup(child.pid);
    }, RUN_MS_MAX);
    const code = await new Promise((resolve) => child.once("exit", resolve));
    clearTimeout(timer);
    killGroup(child.pid);
    this.#pid = null;
    if (isLate) return "it hangs";
    return code === 0 ? passed(report, file) : firstFailure(report);
  }

  [Symbol.dispose]() {
    if (this.#pid !== null) killGroup(this.#pid);
    Scratch.#all.delete(this);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function builtPath(file) {
  return join("dist", file.replace(/\.ts$/, ".js"));
}

/** Servers a test left behind belong to its process group. */
function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

function passed(report, file) {
  if (JSON.parse(readFileSync(report, "utf8")).numPassedTests > 0) return null;
  throw new Error(`no test of ${file} has that name`);
}

function firstFailure(report) {
  if (!existsSync(report)) return "the run ended without a report";
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const failed = testResults.flatMap((suite) => suite.assertionResults).find((test) => test.status === "failed");
  if (failed !== undefined) return failed.fullName.trim();
  const suite = testResults.find((result) => result.status === "failed");
  return suite === undefined
    ? "an error outside of any test"
    : `before the first test: ${suite.message.split("\n")[0]}`;
}

/** Type-checks mutants of different files together. Returns the compiler's complaints. */
function typeFaults(mutants) {
  const rounds = [];
  for (const mutant of mutants) {
    const round = rounds.find((others) => others.every(({ file }) => file !== mutant.file));
    if (round === undefined) rounds.push([mutant]);
    else round.push(mutant);
  }
  const scratch = new Scratch();
  try {
    return rounds.flatMap((round) => {
      scratch.plant(round);
      const relaxed = ["--noEmit", "--noUnusedLocals", "false", "--noUnusedParameters", "false"];
      const args = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json", ...relaxed];
      const { status, stdout } = spawnSync(process.execPath, args, { cwd: scratch.folder, encoding: "utf8" });
      scratch.restore();
      return status === 0 ? [] : stdout.trim().split("\n");
    });
  } finally {
    scratch[Symbol.dispose]();
  }
}

/** Runs `work` on each item, as many at a time as there are scratch trees. */
async function inScratchTrees(scratches, items, work) {
  const queue = [...items];
  const job = async (scratch) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item, scratch);
  };
  await Promise.all(scratches.map(job));
}

/** Every killer without any bug. Returns those that fail. */
async function control(mutants, scratches) {
  const killers = new Map(mutants.flatMap(({ killers }) => killers.map((killer) => [killer.spec, killer])));
  const broken = [];
  await inScratchTrees(scratches, [...killers.values()], async (killer, scratch) => {
    const failure = await scratch.run(killer).catch((error) => error.message);
    if (failure !== null) broken.push(`${killer.spec}: ${failure}`);
  });
  return broken;
}

async function campaign(mutants, scratches) {
  const outcomes = { killed: 0, survived: 0, error: 0 };
  await inScratchTrees(scratches, mutants, async (mutant, scratch) => {
    const startedMs = performance.now();
    const [outcome, by] = await judge(mutant, scratch);
    outcomes[outcome] += 1;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${outcome.padEnd(8)} ${mutant.name.padEnd(34)} ${seconds.padStart(6)} s  ${by}`);
  });
  return outcomes;
}

async function judge(mutant, scratch) {
  try {
    scratch.plant([mutant]);
    for (const killer of mutant.killers) {
      const failure = await scratch.run(killer);
      if (failure !== null) return ["killed", `${basename(killer.file)}: ${failure}`];
    }
    return ["survived", mutant.killers.map(({ spec }) => spec).join(", ")];
  } catch (error) {
    return ["error", error.message];
  } finally {
    scratch.restore();
  }
}

async function main() {
  const options = { only: { type: "string" }, check: { type: "boolean" }, jobs: { type: "string", default: "2" } };
  const { values } = parseArgs({ options });
  const all = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".patch"));
  const mutants = all.map((name) => readMutant(join(import.meta.dirname, name)));
  const names = values.only?.split(",") ?? mutants.map(({ name }) => name);
  const chosen = names.map((name) => {
    const mutant = mutants.find((candidate) => candidate.name === name);
    if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
    return mutant;
  });
  if (values.check) {
    const faults = typeFaults(chosen);
    for (const fault of faults) console.error(fault);
    console.log(`${chosen.length} mutants apply${faults.length === 0 ? " and compile" : ""}`);
    return faults.length === 0;
  }
  // Copied once: the working tree may change meanwhile.
  const scratches = Array.from({ length: Math.min(Number(values.jobs), chosen.length) }, () => new Scratch());
  try {
    return await run(chosen, scratches);
  } finally {
    Scratch.endAll();
  }
}

async function run(mutants, scratches) {
  const startedMs = performance.now();
  const broken = await control(mutants, scratches);
  for (const line of broken) console.error(`fails without any bug: ${line}`);
  console.log(`the killers pass without any bug: ${broken.length === 0}`);
  if (broken.length > 0) return false;
  const { killed, survived, error } = await campaign(mutants, scratches);
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  console.log(`${killed} of ${mutants.length} killed, ${survived} survived, ${error} errors, ${minutes} min`);
  return survived + error === 0;
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    Scratch.endAll();
    process.exit(1);
  });
}
process.exitCode = (await main()) ? 0 : 1;
