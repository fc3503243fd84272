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
import { processCpuMs } from "./cpu.js";
import { buildFacts, machineFacts } from "./machine.js";
import { medianRatio, spread } from "./statistics.js";

const KINDS = ["node", "packed, unpacked before", "packed, first start"] as const;
type Kind = (typeof KINDS)[number];

interface Start {
  readonly elapsedMs: number;
  /** Of all threads; what a busy machine does not change. */
  readonly cpuMs: number;
}

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
    const samples: Record<Kind, Start[]> = { [KINDS[0]]: [], [KINDS[1]]: [], [KINDS[2]]: [] };
    const warm = join(folder, "warm");
    mkdirSync(warm);
    // The first round fills the warm folder and the page cache, and is not counted.
    for (let round = 0; round <= Number(values.rounds); round++) {
      for (const kind of KINDS) {
        const cache = kind === "packed, first start" ? mkdtempSync(join(folder, "cold-")) : warm;
        const command = kind === "node" ? [] : [values.file];
        const start = await firstAnswer(mkdtempSync(join(folder, "data-")), cache, command);
        if (round > 0) samples[kind].push(start);
      }
    }
    report(folder, samples);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `command`: empty for Node on the compiled files. */
async function firstAnswer(folder: string, cache: string, command: readonly string[]): Promise<Start> {
  const startedMs = performance.now();
  const env = { STATESET_SEQUENCER_CACHE_DIR: cache };
  await using server = await ServerProcess.start({ folder, env, ...(command.length === 0 ? {} : { command }) });
  const answer = await fetch(`${server.url}/ready`);
  const start = { elapsedMs: performance.now() - startedMs, cpuMs: processCpuMs(server.pid) ?? Number.NaN };
  if (answer.status !== 200) throw new Error(`/ready answered ${answer.status}`);
  return start;
}

function report(folder: string, samples: Readonly<Record<Kind, readonly Start[]>>): void {
  const { cpu, cores, node, fileSystem } = machineFacts(folder);
  console.log(`${cpu}, ${cores} cores, Node ${node}, ${fileSystem}; commit ${buildFacts().commit}`);
  for (const kind of KINDS) {
    const elapsed = column(samples, kind, "elapsedMs");
    const verdict =
      kind === "node" ? "" : elapsed.ratio <= RATIO_MAX ? "PASS" : `FAIL, elapsed ratio above ${RATIO_MAX}`;
    console.log(`${kind.padEnd(24)} elapsed ${elapsed.text}  CPU ${column(samples, kind, "cpuMs").text}  ${verdict}`);
  }
}

function column(
  samples: Readonly<Record<Kind, readonly Start[]>>,
  kind: Kind,
  member: keyof Start,
): { ratio: number; text: string } {
  const values = samples[kind].map((start) => start[member]);
  const { median, min, max } = spread(values);
  const ratio = medianRatio(
    values,
    samples.node.map((start) => start[member]),
  );
  const range = `${median.toFixed(0)} ms (${min.toFixed(0)} to ${max.toFixed(0)})`;
  return { ratio, text: `${range.padEnd(24)} ratio ${ratio.toFixed(2)}` };
}

await main();
