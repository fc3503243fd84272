/** The folder of everything the one-file program unpacks, in the installed package's layout, and the manifest over it. */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { packageRoot, packageVersion } from "../src/base/asset-paths.js";
import type { Manifest, ShippedFile } from "./boot/payload.js";
import { bundleApplication } from "./bundle.js";
import { copiedPackages } from "./shipped-packages.js";
import type { Target } from "./targets.js";

export interface Stage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Packages in it, bundled or copied, sorted. */
  readonly packages: readonly string[];
}

/** Shipped beside what package.json's `bin` names. */
const MORE_PROGRAMS = { "stateset-sequencer-demo": "dist/src/cli/demo/main.js" };

/** Fills `folder`, which must not exist. */
export async function makeStage(folder: string, target: Target): Promise<Stage> {
  const { name, bin, files } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
    readonly name: string;
    readonly bin: Readonly<Record<string, string>>;
    readonly files: readonly string[];
  };
  const programs = { ...bin, ...MORE_PROGRAMS };
  const copied = copiedPackages(target);
  const packages = await bundleApplication(folder, Object.values(programs), Object.keys(copied));
  for (const [copiedName, patterns] of Object.entries(copied)) {
    copyPackage(copiedName, patterns, folder);
    packages.add(copiedName);
  }
  // Its JavaScript stand-in, which never serves here: without the native module the service uses its own, or refuses to start.
  const standIn = join(folder, "node_modules", "uWebSockets.js", "dist", "index.js");
  mkdirSync(dirname(standIn), { recursive: true });
  writeFileSync(standIn, "module.exports = {};\n");
  // What is published beside the compiled code: migrations and whatever else the service reads.
  for (const path of files.filter((published) => !published.startsWith("dist"))) {
    const filter = (source: string): boolean => !source.endsWith(".md");
    cpSync(join(packageRoot, path), join(folder, path), { recursive: true, filter });
  }
  writeJson(join(folder, "package.json"), { name, version: packageVersion, type: "module" });
  writeFileSync(join(folder, "entry.cjs"), "module.exports = (url) => import(url);\n");
  const shipped = filesBelow(folder).map((path) => describe(folder, path));
  const id = createHash("sha256").update(JSON.stringify(shipped)).digest("hex");
  return {
    folder,
    manifest: { version: packageVersion, id, files: shipped, programs },
    packages: [...packages].sort(),
  };
}

function copyPackage(name: string, patterns: readonly RegExp[], folder: string): void {
  const source = join(packageRoot, "node_modules", name);
  const files = filesBelow(source);
  for (const pattern of patterns) {
    const matching = files.filter((path) => pattern.test(path));
    if (matching.length === 0) throw new Error(`${name} has no file ${pattern}: it is not what this build knows`);
    for (const path of matching) {
      const target = join(folder, "node_modules", name, path);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(source, path), target);
    }
  }
}

/** Sorted by code unit, whatever the locale and the order on disk. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function describe(folder: string, path: string): ShippedFile {
  const bytes = readFileSync(join(folder, path));
  return { path, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value)}\n`);
}
