/** The bench's lane in a process of its own stands on the same parts as the service's, and must go on as they change. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";

const ENTRIES = 2_000;

it("appends and fills a fresh log beside, also when the checkpointer has looked", async () => {
  const built = pathToFileURL(join(packageRoot, "dist/bench/load/lane-run.js")).href;
  const { LaneRun } = (await import(built)) as typeof import("../../bench/load/lane-run.js");
  const folder = mkdtempSync(join(tmpdir(), "bench-lane-"));
  using lane = new LaneRun();
  await lane.open(join(folder, "grown"));
  expect(await lane.run(ENTRIES)).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await lane.runFresh(join(folder, "fresh"), ENTRIES, ENTRIES)).toBeGreaterThan(0);
  await lane.close();
  rmSync(folder, { recursive: true });
});
