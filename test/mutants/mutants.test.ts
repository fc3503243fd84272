/** Every planted bug still fits the sources; a few quick ones are planted and noticed. All of them: `npm run test:mutants`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";

/** One of the lane, of cursors, of trees and of bounds; their tests take a second each. */
const QUICK = ["commitment-overlaps", "cursor-epoch-ignored", "merkle-index-unbounded", "overload-off-by-one"];

const hasGit = spawnSync("git", ["--version"]).status === 0;
if (!hasGit) console.log("bugs are not planted here: git applies them");

function campaign(...args: string[]) {
  const script = join(packageRoot, "test", "mutants", "campaign.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

it.runIf(hasGit)(
  "all apply and compile",
  () => {
    const { status, output } = campaign("--check");
    expect(output).toMatch(/^\d+ mutants apply and compile\n$/);
    expect(status).toBe(0);
  },
  900_000,
);

it.runIf(hasGit)(
  "quick ones are noticed",
  () => {
    const { status, output } = campaign("--only", QUICK.join(","), "--jobs", "1");
    expect(output).toMatch(new RegExp(`^${QUICK.length} of ${QUICK.length} killed, 0 survived, 0 errors`, "m"));
    expect(status).toBe(0);
  },
  900_000,
);
