/** What a process holds while it runs, sampled: memory, open files, the write-ahead log beside it. */
import { readdirSync } from "node:fs";
import { walSize } from "../../src/store/sqlite/wal-checkpoint.js";
import { processRssMib } from "../cpu.js";

export interface HoldSample {
  /** Seconds since the watch began. */
  readonly atS: number;
  readonly rssMib: number;
  readonly openFiles: number;
  readonly walBytes: number;
}

const EVERY_MS = 1_000;

export class ProcessWatch implements Disposable {
  readonly samples: HoldSample[] = [];
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly pid: number,
    readonly folder: string,
  ) {
    this.#timer = setInterval(() => this.sample(), EVERY_MS);
  }

  sample(): HoldSample {
    const sample = {
      atS: (performance.now() - this.#startedMs) / 1000,
      rssMib: processRssMib(this.pid) ?? Number.NaN,
      openFiles: readdirSync(`/proc/${this.pid}/fd`).length,
      walBytes: walSize(this.folder),
    };
    this.samples.push(sample);
    return sample;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Least squares: growth per second of `value`. */
export function slope(samples: readonly HoldSample[], value: (sample: HoldSample) => number): number {
  const meanAt = mean(samples.map(({ atS }) => atS));
  const meanValue = mean(samples.map(value));
  let covariance = 0;
  let variance = 0;
  for (const sample of samples) {
    covariance += (sample.atS - meanAt) * (value(sample) - meanValue);
    variance += (sample.atS - meanAt) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
