/** The report as text: limits first, then each load beside them, then the verdicts. */
import { coreLimit, type KernelCosts } from "./kernels.js";
import type { BuildFacts, MachineFacts } from "./machine.js";
import { type LimitRound, type LoadSummary, OTHER_CORES_MAX } from "./measurement.js";
import type { Plan } from "./plan.js";
import { median, type Spread } from "./statistics.js";
import type { TargetLine } from "./targets.js";

/** Everything a results file holds. */
export interface Results {
  readonly format: 1;
  readonly startedAt: string;
  readonly command: string;
  readonly durationS: number;
  readonly machine: MachineFacts;
  readonly build: BuildFacts;
  readonly plan: Plan;
  readonly limits: readonly LimitRound[];
  readonly loads: readonly LoadSummary[];
  readonly targets: readonly TargetLine[];
  readonly isValid: boolean;
}

export function renderReport(results: Results): string {
  return [header(results), limitLines(results), loadTable(results), sampleLine(results), verdictLines(results)].join(
    "\n\n",
  );
}

function header({ machine, build, plan, startedAt }: Results): string {
  const modified = build.isModified ? " (modified)" : "";
  return [
    `StateSet Sequencer ${build.version} at ${build.commit}${modified}, ${startedAt}, ${plan.mode} run`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.kernel}, Node ${machine.node}, ` +
      `${machine.fileSystem}, ${build.transport} transport, Ed25519 by ${build.ed25519}`,
  ].join("\n");
}

function limitLines({ limits, machine }: Results): string {
  const of = (pick: (limit: LimitRound) => number): number => median(limits.map(pick));
  const kernel = (name: keyof KernelCosts): string => of(({ kernelUs }) => kernelUs[name]).toFixed(1);
  const limit = (isBatch: boolean): string => whole(of((round) => coreLimit(round.kernelUs, isBatch, machine.cores)));
  return [
    `Limits of this machine, measured between the loads (medians of ${limits.length} rounds)`,
    `  raw flush   p50 ${ms(of((r) => r.flushP50Ms))}  p99 ${ms(of((r) => r.flushP99Ms))}  ${whole(of((r) => r.flushesPerSecond))}/s one after the other`,
    `  kernels     verify ${kernel("verify")}  sign ${kernel("sign")}  read ${kernel("readSingle")} (batch ${kernel("readBatch")})  insert ${kernel("insert")}  µs of CPU per event`,
    `  core limit  single ${limit(false)} events/s  batch ${limit(true)} events/s  on ${machine.cores} cores`,
  ].join("\n");
}

const COLUMNS = [
  "load",
  "valid",
  "rounds",
  "events/s",
  "(min-max)",
  "of limit",
  "of free",
  "ack p50",
  "ack p99",
  "server µs",
  "kernels",
  "client",
  "others",
];

function loadTable({ loads }: Results): string {
  const rows = loads.map((summary) => [
    summary.load.name,
    summary.invalid === null ? "PASS" : "FAIL",
    `${summary.roundsUsed}/${summary.rounds.length}`,
    whole(summary.eventsPerSecond.median),
    range(summary.eventsPerSecond),
    summary.limitShare.toFixed(2),
    summary.freeLimitShare.toFixed(2),
    ms(summary.ackP50Ms.median),
    ms(summary.ackP99Ms.median),
    summary.serverUs.toFixed(1),
    summary.kernelShare.toFixed(2),
    summary.clientCores.toFixed(2),
    summary.otherCores.toFixed(2),
  ]);
  const widths = COLUMNS.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ");
  const faults = loads.flatMap(({ load, invalid }) => (invalid === null ? [] : [`  FAIL ${load.name}: ${invalid}`]));
  return [line(COLUMNS), ...rows.map(line), ...faults].join("\n");
}

function sampleLine({ loads, limits }: Results): string {
  const samples = loads.map(({ load, rounds }) => {
    const requests = rounds.reduce((sum, round) => sum + round.requests, 0);
    return `${load.name} ${requests} requests`;
  });
  return (
    `Samples over ${limits.length} rounds: ${samples.join(", ")}.\n` +
    `Used are the rounds in which others had <= ${OTHER_CORES_MAX} cores, or all where those are too few.`
  );
}

function verdictLines({ targets }: Results): string {
  const lines = targets.map(({ verdict, target, measured, bound, because }) => {
    const figure = measured === null ? "-" : measured.toFixed(2);
    return `  ${verdict.padEnd(13)} ${target}: ${figure} (bound ${bound})${because === null ? "" : `, ${because}`}`;
  });
  return ["Later targets (a missed one does not fail the run)", ...lines].join("\n");
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function range({ min, max }: Spread): string {
  return `(${whole(min)}-${whole(max)})`;
}
