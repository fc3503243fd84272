/** The Node binary that becomes the one-file program, fetched through npm and checked against its pin. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageRoot } from "../src/base/asset-paths.js";
import type { Target } from "./targets.js";

export interface BaseNode {
  /** Its folder has nothing else in it: it can stand on PATH. */
  readonly binary: string;
  /** Node's licence and those of everything in it. */
  readonly license: string;
}

/** From the cache, else from the registry. Throws when the binary is not the pinned one. */
export function fetchBaseNode(target: Target): BaseNode {
  const folder = join(packageRoot, "node_modules", ".cache", "base-node", target.basePackage);
  if (!existsSync(folder)) download(target.basePackage, folder);
  const binary = join(folder, "bin", "node");
  const sha256 = createHash("sha256").update(readFileSync(binary)).digest("hex");
  if (sha256 !== target.baseSha256) {
    throw new Error(`${binary} is not the pinned ${target.basePackage}: its SHA-256 is ${sha256}`);
  }
  return { binary, license: readFileSync(join(folder, "LICENSE"), "utf8") };
}

/** The folder appears whole or not at all. */
function download(basePackage: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const scratch = mkdtempSync(`${folder}-`);
  try {
    const options = { cwd: scratch, encoding: "utf8" } as const;
    const args = ["pack", basePackage, "--prefer-offline", "--ignore-scripts", "--json"];
    const [packed] = JSON.parse(execFileSync("npm", args, options)) as { filename: string }[];
    const members = ["package/bin/node", "package/LICENSE"];
    execFileSync("tar", ["-xzf", packed!.filename, ...members], options);
    // Unless another build was faster: what is there is checked by whoever uses it.
    if (!existsSync(folder)) renameSync(join(scratch, "package"), folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
