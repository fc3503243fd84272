import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Progress, type UnitRecord } from "../../stark-sweep/progress.js";

function unit(key: string): UnitRecord {
  return { key, changes: 255, sampled: 1, accepted: [], cpuMs: 2 };
}

describe("progress of the STARK sweep", () => {
  const folder = mkdtempSync(join(tmpdir(), "stark-sweep-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const path = (): string => join(folder, `progress-${files++}.jsonl`);

  it("goes on after the last whole line, and drops one whose writing was cut short", () => {
    const file = path();
    const first = new Progress(file, "a");
    first.add(unit("b1/trace rows/0"));
    first.add({ ...unit("b1/trace rows/2024"), accepted: ["2025^1"] });
    appendFileSync(file, JSON.stringify(unit("b1/trace rows/4048")).slice(0, 30));
    const second = new Progress(file, "a");
    expect([...second.done.keys()]).toEqual(["b1/trace rows/0", "b1/trace rows/2024"]);
    expect(second.done.get("b1/trace rows/2024")!.accepted).toEqual(["2025^1"]);
    second.add(unit("b1/trace rows/4048"));
    expect(new Progress(file, "a").done.size).toBe(3);
  });

  it("starts over for another campaign or verifier, and over a file of something else", () => {
    const file = path();
    new Progress(file, "a").add(unit("b1/trace rows/0"));
    expect(new Progress(file, "b").done.size).toBe(0);
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(2);
    writeFileSync(file, "nothing of ours");
    expect(new Progress(file, "b").done.size).toBe(0);
  });
});
