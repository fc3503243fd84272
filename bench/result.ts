/** What every family of the bench hands over: text, figures under names that targets refer to, plots, and the raw rounds. */
import { median } from "./statistics.js";

/** One figure of the run, a value per round that counts. */
export interface Measure {
  readonly values: readonly number[];
  /** Why nothing may be judged by it; null = it may. */
  readonly because: string | null;
}

export interface FamilyResult {
  readonly family: string;
  readonly seconds: number;
  /** The report's text. */
  readonly lines: readonly string[];
  /** Under `<family> <what>`. */
  readonly measures: Readonly<Record<string, Measure>>;
  readonly plots: readonly Plot[];
  /** What makes figures wrong: any of them fails the run. */
  readonly faults: readonly string[];
  /** Everything that was measured, for the results file. */
  readonly raw: unknown;
}

export type Plot = BarPlot | LinePlot;

interface Titled {
  /** File name without extension. */
  readonly name: string;
  readonly title: string;
  readonly note: string;
}

export interface BarPlot extends Titled {
  readonly kind: "bars";
  readonly unit: string;
  readonly bars: readonly { readonly label: string; readonly value: number; readonly isOurs: boolean }[];
}

export interface LinePlot extends Titled {
  readonly kind: "lines";
  readonly xLabel: string;
  readonly yLabel: string;
  readonly isLogX?: boolean;
  readonly isLogY?: boolean;
  readonly series: readonly { readonly label: string; readonly points: readonly (readonly [number, number])[] }[];
}

/** With fewer quiet rounds all rounds are used, and nothing is judged. */
export const QUIET_ROUNDS_MIN = 3;

/** The same of families whose rounds are long and few. */
const FEW_ROUNDS_MIN = 2;

/** A round is quiet while others use no more than this many cores. Chosen on the neighbours' CPU time, never on the figure. */
export const OTHER_CORES_MAX = 0.25;

export function isQuiet(otherCores: number | null): boolean {
  return otherCores !== null && otherCores <= OTHER_CORES_MAX;
}

export const NOT_QUIET = "too few rounds had the machine to themselves";

/** Of rounds with their neighbours' CPU: the quiet ones where there are enough of them (`roundsMin`), else all, unjudged. */
export function measureOf<R extends { readonly otherCores: number | null }>(
  rounds: readonly R[],
  value: (round: R) => number,
  roundsMin = FEW_ROUNDS_MIN,
): Measure {
  const quiet = rounds.filter(({ otherCores }) => isQuiet(otherCores));
  if (quiet.length >= roundsMin) return { values: quiet.map(value), because: null };
  const because = rounds.length < roundsMin ? "not enough rounds were run" : NOT_QUIET;
  return { values: rounds.map(value), because };
}

export function notMeasured(because: string): Measure {
  return { values: [], because };
}

export function medianOf(measure: Measure): number | null {
  return measure.values.length === 0 ? null : median(measure.values);
}

/** Aligned columns; the first is text. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [columns, ...rows].map((cells) => line(cells));
}

export function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
