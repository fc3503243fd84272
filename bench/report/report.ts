/** The whole run as text, and everything a results file holds. */
import type { Mode } from "../context.js";
import type { BuildFacts, MachineFacts } from "../machine.js";
import type { FamilyResult } from "../result.js";
import type { TargetLine } from "../targets.js";

export interface Results {
  readonly format: 2;
  readonly startedAt: string;
  readonly command: string;
  readonly mode: Mode;
  readonly durationS: number;
  readonly machine: MachineFacts;
  readonly build: BuildFacts;
  readonly families: readonly FamilyResult[];
  readonly targets: readonly TargetLine[];
  readonly isValid: boolean;
}

export function renderHead({ machine, build, startedAt, mode }: Omit<Results, "families" | "targets">): string {
  const modified = build.isModified ? " (modified)" : "";
  return [
    `StateSet Sequencer ${build.version} at ${build.commit}${modified}, ${startedAt}, ${mode} run`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.kernel}, Node ${machine.node}, ` +
      `${machine.fileSystem}, ${build.transport} transport, Ed25519 by ${build.ed25519}`,
  ].join("\n");
}

export function renderFamily({ family, seconds, lines, faults }: FamilyResult): string {
  return [
    `\n== ${family} (${seconds.toFixed(0)} s)`,
    ...lines,
    ...(faults.length === 0 ? ["PASS: every figure is valid"] : faults.map((fault) => `FAIL ${fault}`)),
  ].join("\n");
}

export function renderTargets(targets: readonly TargetLine[]): string {
  if (targets.length === 0) return "";
  const lines = targets.map(({ verdict, target, measured, bound, direction, because }) => {
    const figure = measured === null ? "-" : measured.toFixed(2);
    const sign = direction === "at_least" ? ">=" : "<=";
    const reason = because === null ? "" : `, ${because}`;
    return `  ${verdict.padEnd(13)} ${target}: ${figure} (${sign} ${bound})${reason}`;
  });
  return ["\nTargets (a missed one does not fail the run)", ...lines].join("\n");
}
