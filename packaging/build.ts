/**
 * The steps of `npm run package`: stage, list of parts, executable, smoke test; only then does the file get its name. A step that fails
 * ends the build, and what was there before stays as it was.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../src/base/asset-paths.js";
import { fetchBaseNode } from "./base-node.js";
import { FILE_PREFIX, LICENSES, MANIFEST, SBOM } from "./boot/payload.js";
import { bundleBoot } from "./bundle.js";
import { nodeComponent, packageComponents } from "./components.js";
import { licenses } from "./licenses.js";
import { sbom } from "./sbom.js";
import { smokeTest } from "./smoke-test.js";
import { makeStage } from "./stage.js";
import { hostTarget } from "./targets.js";
import { packViaClassic } from "./via-classic.js";
import { packViaPkg } from "./via-pkg.js";

export const VIAS = { pkg: packViaPkg, classic: packViaClassic } as const;

export interface BuildOptions {
  readonly via: keyof typeof VIAS;
  /** Where the results go. */
  readonly out: string;
  /** Called at each step. */
  readonly say: (line: string) => void;
}

/** Resolves to the path of the executable. Beside it: `.sha256`, `.cdx.json` and `.licenses.txt`. Throws UsageError elsewhere than on a target. */
export async function buildPackage({ via, out, say }: BuildOptions): Promise<string> {
  const target = hostTarget();
  mkdirSync(out, { recursive: true });
  mkdirSync(join(packageRoot, "dist"), { recursive: true });
  const work = mkdtempSync(join(packageRoot, "dist", "package-"));
  try {
    const base = fetchBaseNode(target);
    const stage = await makeStage(join(work, "stage"), target);
    const megabytes = stage.manifest.files.reduce((sum, { size }) => sum + size, 0) / 1e6;
    say(`${stage.manifest.files.length} files, ${megabytes.toFixed(1)} MB, ${stage.packages.length} packages`);
    const components = [nodeComponent(target, base), ...packageComponents(stage.packages)];
    const documents = {
      [MANIFEST]: JSON.stringify(stage.manifest),
      [LICENSES]: licenses(components),
      [SBOM]: sbom(stage.manifest.id, target.name, components),
    };
    const assets: Record<string, string> = {};
    for (const [name, text] of Object.entries(documents)) {
      assets[name] = join(work, name);
      writeFileSync(assets[name], text);
    }
    for (const { path } of stage.manifest.files) assets[FILE_PREFIX + path] = join(stage.folder, path);
    const bootFile = join(work, "boot.cjs");
    await bundleBoot(bootFile);
    const packed = join(work, "packed");
    VIAS[via]({ target, baseBinary: base.binary, workFolder: work, bootFile, assets, output: packed });
    say(`packed via ${via}, ${(statSync(packed).size / 1e6).toFixed(1)} MB; smoke test`);
    await smokeTest(packed, work);
    const name = `stateset-sequencer-${target.name}`;
    const sums = [
      [name, packed],
      [`${name}.cdx.json`, assets[SBOM]!],
      [`${name}.licenses.txt`, assets[LICENSES]!],
    ].map(([published, file]) => `${publish(file!, join(out, published!))}  ${published}\n`);
    writeFileSync(join(out, `${name}.sha256`), sums.join(""));
    return join(out, name);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Copied beside its place and renamed: a program that is running stays whole. Returns its SHA-256. */
function publish(file: string, path: string): string {
  const partial = `${path}.partial`;
  copyFileSync(file, partial);
  renameSync(partial, path);
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
