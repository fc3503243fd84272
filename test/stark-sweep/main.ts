/**
 * `npm run test:stark-sweep -- [--only c_default,b8] [--masks bits] [--shard 1/2] [--sample 100] [--seed N] [--progress FILE]`:
 * every byte of every STARK fixture in all 255 ways, cut at every length, extended; resumable (see README.md of test).
 * Exit code 1: a change was accepted.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildFacts } from "../../bench/machine.js";
import { packageRoot } from "../../src/base/asset-paths.js";
import { Random } from "../support/fuzz/random.js";
import { FIXTURES } from "../unit/stark/fixtures.js";
import { Progress } from "./progress.js";
import { type Choice, ProofSweep, type Unit } from "./proof-sweep.js";

const MASKS: Readonly<Record<string, readonly number[]>> = {
  all: Array.from({ length: 255 }, (_, i) => i + 1),
  bits: Array.from({ length: 8 }, (_, bit) => 1 << bit),
};
const REPORT_EVERY_MS = 60_000;

interface Campaign {
  readonly fixtures: readonly string[];
  readonly masks: string;
  /** This process does every `shards`-th unit from `shard` on. */
  readonly shard: number;
  readonly shards: number;
  /** One change of so many goes through the public `verify`. */
  readonly sampleOneIn: number;
  readonly seed: number;
  readonly progressPath: string;
}

function readCampaign(): Campaign {
  const option = { type: "string" } as const;
  const { values } = parseArgs({
    options: { only: option, masks: option, shard: option, sample: option, seed: option, progress: option },
  });
  const { only = FIXTURES.join(","), masks = "all", shard = "1/1", sample = "100", seed = "1" } = values;
  const fixtures = only.split(",");
  const [, index, shards] = /^([1-9][0-9]*)\/([1-9][0-9]*)$/.exec(shard) ?? [];
  if (!fixtures.every((name) => (FIXTURES as readonly string[]).includes(name))) {
    throw new TypeError(`--only takes ${FIXTURES.join(", ")}`);
  }
  if (MASKS[masks] === undefined) throw new TypeError(`--masks is ${Object.keys(MASKS).join(" or ")}`);
  if (index === undefined || Number(index) > Number(shards)) throw new TypeError("--shard is i/n, i from 1 to n");
  if (![sample, seed].every((text) => /^[1-9][0-9]*$/.test(text)))
    throw new TypeError("--sample and --seed are counts");
  const file = `stark-sweep-${masks}${shard === "1/1" ? "" : `-${shard.replace("/", "-of-")}`}.jsonl`;
  return {
    fixtures,
    masks,
    shard: Number(index) - 1,
    shards: Number(shards),
    sampleOneIn: Number(sample),
    seed: Number(seed),
    progressPath: values.progress ?? process.env.STARK_SWEEP_PROGRESS ?? join(tmpdir(), file),
  };
}

/** Hash of all that decides a verdict: built verifier and sweep, kernels, fixtures. Another one makes old progress void. */
function sourcesHash(): string {
  const hash = createHash("sha256");
  for (const folder of ["dist/src/stark", "dist/test", "test/vectors/stark"]) {
    const files = readdirSync(join(packageRoot, folder), { recursive: true, encoding: "utf8" });
    for (const file of files.filter((name) => /\.(js|wasm|bin|txt)$/.test(name)).sort()) {
      const content = readFileSync(join(packageRoot, folder, file));
      hash.update(`${folder}/${file} ${content.length}\n`).update(content);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** Everything is tried; one change of `oneIn` on average is sampled. The same for a unit in every run with this seed. */
function choiceFor(seed: number, unit: Unit, oneIn: number): Choice {
  const random = new Random(createHash("sha256").update(`${seed} ${unit.key}`).digest().readUInt32LE());
  let untilNext = random.below(2 * oneIn - 1);
  const isSampled = (): boolean => {
    if (untilNext-- > 0) return false;
    untilNext = random.below(2 * oneIn - 1);
    return true;
  };
  return { isTried: () => true, isSampled };
}

function runFixture(name: string, campaign: Campaign, progress: Progress): boolean {
  const sweep = new ProofSweep(name, MASKS[campaign.masks]!);
  const units = sweep.units.filter((_, index) => index % campaign.shards === campaign.shard);
  const open = units.filter(({ key }) => !progress.done.has(key));
  let reportedMs = performance.now();
  for (const [index, unit] of open.entries()) {
    const { user, system } = process.cpuUsage();
    const tally = sweep.run(unit, choiceFor(campaign.seed, unit, campaign.sampleOneIn));
    const spent = process.cpuUsage({ user, system });
    progress.add({ key: unit.key, ...tally, cpuMs: (spent.user + spent.system) / 1000 });
    if (performance.now() - reportedMs > REPORT_EVERY_MS) {
      reportedMs = performance.now();
      console.log(`${name}: ${units.length - open.length + index + 1} of ${units.length} units`);
    }
  }
  return report(name, sweep, units, progress);
}

/** Prints what was tried of each section. True if nothing was accepted. */
function report(name: string, sweep: ProofSweep, units: readonly Unit[], progress: Progress): boolean {
  const total = { changes: 0, sampled: 0, accepted: 0, cpuMs: 0 };
  for (const section of new Set(units.map((unit) => unit.section))) {
    const sum = { of: 0, changes: 0, sampled: 0, accepted: 0, cpuMs: 0 };
    for (const unit of units.filter((candidate) => candidate.section === section)) {
      const record = progress.done.get(unit.key)!;
      sum.of += sweep.changesOf(unit);
      sum.changes += record.changes;
      sum.sampled += record.sampled;
      sum.accepted += record.accepted.length;
      sum.cpuMs += record.cpuMs;
      for (const what of record.accepted) console.log(`ACCEPTED ${name} ${what}`);
    }
    const microseconds = ((1000 * sum.cpuMs) / sum.changes).toFixed(1);
    console.log(
      `${name.padEnd(10)} ${section.padEnd(20)} ${sum.changes} of ${sum.of} changes, accepted ${sum.accepted}, ` +
        `${sum.sampled} also by verify, ${microseconds} us of CPU each`,
    );
    for (const key of ["changes", "sampled", "accepted", "cpuMs"] as const) total[key] += sum[key];
  }
  console.log(
    `${name.padEnd(10)} ${"all".padEnd(20)} ${total.changes} changes, accepted ${total.accepted}, ` +
      `${total.sampled} also by verify, ${(total.cpuMs / 1000).toFixed(0)} s of CPU`,
  );
  return total.accepted === 0;
}

function main(): void {
  const campaign = readCampaign();
  const { masks, shard, shards, sampleOneIn, seed, progressPath } = campaign;
  const { commit, isModified } = buildFacts();
  const sources = sourcesHash();
  const part = `shard ${shard + 1} of ${shards}`;
  const progress = new Progress(progressPath, `${sources} ${masks} ${part} 1 in ${sampleOneIn} seed ${seed}`);
  console.log(
    `masks ${masks}, ${part}, 1 in ${sampleOneIn} also by verify, seed ${seed}, commit ${commit}${isModified ? "+" : ""}, ` +
      `sources ${sources}; ${progress.done.size} units done before, ${progressPath}`,
  );
  const isClean = campaign.fixtures.map((name) => runFixture(name, campaign, progress)).every(Boolean);
  process.exitCode = isClean ? 0 : 1;
}

main();
