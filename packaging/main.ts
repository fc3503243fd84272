/** `npm run package`: the service and its commands as one executable file. */
import { join, relative } from "node:path";
import { packageRoot } from "../src/base/asset-paths.js";
import { CommandArgs } from "../src/cli/command-args.js";
import { UsageError } from "../src/cli/usage-error.js";
import { buildPackage, VIAS } from "./build.js";

const USAGE = `Usage: npm run package [-- --via pkg|classic] [--out DIR]

Makes dist/stateset-sequencer-<platform>-<arch>, its checksums (.sha256), list of parts (.cdx.json) and licences (.licenses.txt) for
the machine it runs on. packaging/README.md tells more.

  --via pkg      pkg's single-executable API on the pinned official Node [default]
  --via classic  pkg's own patched Node, downloaded from GitHub
  --out DIR      Where the results go [dist]

Exit codes: 0 made and smoke-tested, 1 failed (nothing was changed), 2 bad usage, or a machine there is no target for.`;

async function main(argv: readonly string[]): Promise<number> {
  const args = new CommandArgs("package", argv, { via: { type: "string" }, out: { type: "string" } });
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  args.expect();
  const via = args.text("via") ?? "pkg";
  if (!isVia(via)) throw args.refuse(`--via is one of ${Object.keys(VIAS).join(", ")}, not "${via}"`);
  const startedMs = performance.now();
  const say = (line: string): void => console.log(`package: ${line}`);
  const file = await buildPackage({ via, out: args.text("out") ?? join(packageRoot, "dist"), say });
  say(`${relative(process.cwd(), file)} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  return 0;
}

function isVia(text: string): text is keyof typeof VIAS {
  return Object.hasOwn(VIAS, text);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`package: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
