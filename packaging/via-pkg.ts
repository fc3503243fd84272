/**
 * Boot file and assets into one executable, by pkg's single-executable API. pkg runs `node` and `npx postject` from PATH in a folder
 * below TMPDIR, and reports success when the last step failed. So it gets a process of its own, in which `node` is the base (a
 * blob of another Node crashes at start), `npx` finds the locked postject or nothing, and TMPDIR gives the boot file the
 * same relative path each time (it is stored in the executable). What comes out is checked, and started by the caller.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join } from "node:path";
import { NODE_VERSION, type Target } from "./targets.js";

export interface Parts {
  readonly target: Target;
  readonly baseBinary: string;
  /** Inside the repository, where npx finds the locked packages. */
  readonly workFolder: string;
  /** In the work folder. */
  readonly bootFile: string;
  /** Files by asset name. */
  readonly assets: Readonly<Record<string, string>>;
  readonly output: string;
}

/** Not exported by the package: pinned with its version, and wrong results are noticed. */
const PKG_SEA = "@yao-pkg/pkg/lib-es5/sea.js";

/** Stands in the base with a 0 behind it, in an executable with a blob with a 1. */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:";

/** Throws when pkg fails, and when it says nothing and has done nothing. */
export function packViaPkg({ target, baseBinary, workFolder, bootFile, assets, output }: Parts): void {
  const { platform, arch } = target;
  const call = {
    entryPoint: bootFile,
    options: {
      targets: [{ platform, arch, nodeRange: `node${NODE_VERSION}`, output }],
      signature: false,
      nodePath: baseBinary,
      // pkg works in <TMPDIR>/pkg-sea/<time>.
      seaConfig: { main: `../../${basename(bootFile)}`, assets },
    },
  };
  const callFile = join(workFolder, "pkg-call.json");
  writeFileSync(callFile, JSON.stringify(call));
  const script = `const { entryPoint, options } = require(${JSON.stringify(callFile)});
    require(${JSON.stringify(createRequire(import.meta.url).resolve(PKG_SEA))}).default(entryPoint, options);`;
  execFileSync(baseBinary, ["-e", script], {
    cwd: workFolder,
    env: {
      ...process.env,
      PATH: `${dirname(baseBinary)}${delimiter}${process.env.PATH ?? ""}`,
      TMPDIR: workFolder,
      NODE_OPTIONS: "",
      npm_config_offline: "true",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (!existsSync(output)) throw new Error("pkg made no file and did not say why");
  const fuse = fuseOf(output);
  if (fuse !== "1") throw new Error(`pkg did not put the program into ${output}: its fuse is ${fuse}`);
}

function fuseOf(file: string): string {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(FUSE);
  return at === -1 ? "missing" : String.fromCharCode(bytes[at + FUSE.length]!);
}
