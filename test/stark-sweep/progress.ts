/** Which units of a sweep are done: a file of JSON lines, one added after each unit, so that a run may end at any moment. */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** What a unit came to. */
export interface UnitRecord {
  readonly key: string;
  readonly changes: number;
  readonly sampled: number;
  readonly accepted: readonly string[];
  readonly cpuMs: number;
}

export class Progress {
  readonly done: ReadonlyMap<string, UnitRecord>;
  readonly #path: string;
  readonly #done: Map<string, UnitRecord>;

  /** Goes on where `path` was left if it is of the same `campaign`, else starts it over. */
  constructor(path: string, campaign: string) {
    this.#path = path;
    const [header, ...lines] = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    const isSame = header === JSON.stringify({ campaign });
    // What follows the last line break is nothing, or a line whose writing was cut short.
    const records = isSame ? lines.slice(0, -1).map((line) => JSON.parse(line) as UnitRecord) : [];
    this.#done = new Map(records.map((record) => [record.key, record]));
    this.done = this.#done;
    const kept = [{ campaign }, ...records].map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(`${path}.new`, kept.join(""));
    renameSync(`${path}.new`, path);
  }

  add(record: UnitRecord): void {
    appendFileSync(this.#path, `${JSON.stringify(record)}\n`);
    this.#done.set(record.key, record);
  }
}
