/**
 * Bundles the compiled code, the same that the tests run: one file per command and worker thread, with shared chunks, so that a
 * start reads a few files instead of hundreds. The folders stay those of the installed package, so that every path the code
 * derives from its own place holds.
 */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BuildOptions, build, type Metafile } from "esbuild";
import { packageRoot } from "../src/base/asset-paths.js";
import { LEFT_OUT, SELF_CONTAINED_PACKAGES } from "./shipped-packages.js";

const COMMON = {
  absWorkingDir: packageRoot,
  bundle: true,
  platform: "node",
  target: "node20.19",
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
} as const satisfies BuildOptions;

/** CommonJS packages inside an ES module ask for `require`. */
const REQUIRE = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`;

/** Files that a module expects beside itself. */
const BESIDE = /new URL\("(\.[^"]+)", import\.meta\.url\)/g;

/**
 * Writes commands, worker threads and self-contained packages into `stage`. `programs` are files of dist, as package.json's
 * `bin` has them; `external` stay packages. Resolves to all packages that went in.
 */
export async function bundleApplication(
  stage: string,
  programs: readonly string[],
  external: readonly string[],
): Promise<Set<string>> {
  // By their sources: dist may still hold what was removed from them.
  const workers = readdirSync(join(packageRoot, "workers")).filter((name) => name.endsWith(".ts"));
  const entries = [...programs, ...workers.map((name) => `dist/workers/${name.replace(/\.ts$/, ".js")}`)];
  const { metafile } = await build({
    ...COMMON,
    entryPoints: Object.fromEntries(entries.map((path) => [path.replace(/\.js$/, ""), path])),
    outdir: stage,
    format: "esm",
    splitting: true,
    chunkNames: "dist/chunks/[hash]",
    banner: { js: REQUIRE },
    external: [...external, ...LEFT_OUT],
  });
  placeNeighbours(metafile);
  const packages = packagesOf(metafile);
  for (const name of SELF_CONTAINED_PACKAGES) {
    for (const inner of packagesOf(await bundlePackage(name, join(stage, "node_modules", name)))) packages.add(inner);
  }
  return packages;
}

/** The boot file: the main script of a single executable must be one CommonJS file. */
export async function bundleBoot(file: string): Promise<void> {
  await build({ ...COMMON, entryPoints: ["dist/packaging/boot/main.js"], outfile: file, format: "cjs" });
}

async function bundlePackage(name: string, folder: string): Promise<Metafile> {
  const { metafile } = await build({
    ...COMMON,
    entryPoints: [name],
    outfile: join(folder, "index.js"),
    format: "cjs",
  });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ name, main: "index.js" })}\n`);
  return metafile;
}

/** A module that reads a file beside itself finds it beside whatever file it became part of. */
function placeNeighbours({ outputs }: Metafile): void {
  for (const [output, { inputs }] of Object.entries(outputs)) {
    for (const input of Object.keys(inputs)) {
      const source = join(packageRoot, input);
      for (const [, path] of readFileSync(source, "utf8").matchAll(BESIDE)) {
        const target = join(packageRoot, dirname(output), path!);
        // Two modules in one file may not mean two files by one name.
        if (existsSync(target) && !readFileSync(target).equals(readFileSync(join(dirname(source), path!)))) {
          throw new Error(`${input}: another file is already at ${path} beside ${output}`);
        }
        cpSync(join(dirname(source), path!), target);
      }
    }
  }
}

/** By their paths below node_modules: one package may hold another version of a second (`a/node_modules/b`). */
function packagesOf({ inputs }: Metafile): Set<string> {
  const folder = /^node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//;
  const names = Object.keys(inputs).flatMap((path) => folder.exec(path)?.[1] ?? []);
  return new Set(names);
}
