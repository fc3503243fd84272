/** `npm run bench:compare -- <earlier.json> <later.json>`: whether two results files agree. */
import { readFileSync } from "node:fs";
import { AGREEMENT, type Comparison, compareRuns } from "./agreement.js";
import { type Results, renderHead } from "./report/report.js";
import { table } from "./result.js";

const PERCENT = 100;

function main(): void {
  const paths = process.argv.slice(2);
  if (paths.length !== 2) throw new Error("Usage: npm run bench:compare -- <earlier.json> <later.json>");
  const [earlier, later] = paths.map((path) => JSON.parse(readFileSync(path, "utf8")) as Results) as [Results, Results];
  const lines = compareRuns(earlier.targets, later.targets);
  const ratios = lines.filter(({ isRatio }) => isRatio);
  const within = `within ${AGREEMENT * PERCENT} %`;
  console.log(`${renderHead(earlier)}\n${renderHead(later)}\n`);
  console.log(table(["target", "earlier", "later", "change", ""], lines.map(row)).join("\n"));
  console.log(`\n${within}: ${agreeing(ratios)} ratios, ${agreeing(lines)} figures in all`);
}

function row({ target, earlier, later, change, agrees, isRatio }: Comparison): string[] {
  const percent = Number.isFinite(change) ? `${change < 0 ? "" : "+"}${(change * PERCENT).toFixed(0)} %` : "-";
  return [
    isRatio ? `${target} (ratio)` : target,
    earlier.toFixed(2),
    later.toFixed(2),
    percent,
    agrees ? "" : "differs",
  ];
}

function agreeing(lines: readonly Comparison[]): string {
  return `${lines.filter(({ agrees }) => agrees).length} of ${lines.length}`;
}

main();
