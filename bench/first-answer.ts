/**
 * `npm run bench:start`: from the start of the process to the first answer, the one-file program beside Node on the compiled files. The three
 * kinds of start alternate, each on an empty data folder. Needs `npm run package`.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/base/asset-paths.js";
import { ServerProcess } from "../src/cli/server-process.js";
import { buildFacts, machineFacts } from "./machine.js";
import { medianRatio, spread } from "./statistics.js";

const KINDS = ["node", "packed, unpacked before", "packed, first start"] as const;
type Kind = (typeof KINDS)[number];

/** What the issue of the one-file program asks of the ratio. */
const RATIO_MAX = 2;

async function main(): Promise<void> {
  const target = `${process.platform}-${process.arch}`;
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "9" },
      file: { type: "string", default: join(packageRoot, "dist", `stateset-sequencer-${target}`) },
      folder: { type: "string", default: tmpdir() },
    },
  });
  const folder = mkdtempSync(join(values.folder, "sequencer-start-"));
  try {
    const samples: Record<Kind, number[]> = { [KINDS[0]]: [], [KINDS[1]]: [], [KINDS[2]]: [] };
    const warm = join(folder, "warm");
    mkdirSync(warm);
    // The first round fills the warm folder and the page cache, and is not counted.
    for (let round = 0; round <= Number(values.rounds); round++) {
      for (const kind of KINDS) {
        const cache = kind === "packed, first start" ? mkdtempSync(join(folder, "cold-")) : warm;
        const command = kind === "node" ? [] : [values.file];
        const ms = await firstAnswerMs(mkdtempSync(join(folder, "data-")), cache, command);
        if (round > 0) samples[kind].push(ms);
      }
    }
    report(folder, samples);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `command`: empty for Node on the compiled files. */
async function firstAnswerMs(folder: string, cache: string, command: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const env = { STATESET_SEQUENCER_CACHE_DIR: cache };
  await using server = await ServerProcess.start({ folder, env, ...(command.length === 0 ? {} : { command }) });
  const answer = await fetch(`${server.url}/ready`);
  const ms = performance.now() - startedMs;
  if (answer.status !== 200) throw new Error(`/ready answered ${answer.status}`);
  return ms;
}

function report(folder: string, samples: Readonly<Record<Kind, readonly number[]>>): void {
  const { cpu, cores, node, fileSystem } = machineFacts(folder);
  console.log(`${cpu}, ${cores} cores, Node ${node}, ${fileSystem}; commit ${buildFacts().commit}`);
  for (const kind of KINDS) {
    const { median, min, max } = spread(samples[kind]);
    const ratio = medianRatio(samples[kind], samples.node);
    const verdict =
      kind === "node" ? "" : ratio <= RATIO_MAX ? `PASS, at most ${RATIO_MAX}` : `FAIL, above ${RATIO_MAX}`;
    const times = `${median.toFixed(0)} ms (${min.toFixed(0)} to ${max.toFixed(0)}, n = ${samples[kind].length})`;
    console.log(`${kind.padEnd(24)} ${times.padEnd(32)} ratio ${ratio.toFixed(2)}  ${verdict}`);
  }
}

await main();
