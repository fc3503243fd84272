/**
 * The same files packed by pkg's older way, `npm run package -- --via classic`: its virtual file system inside a Node that its authors
 * patched and built. That Node is downloaded from GitHub by pkg; where that cannot be, it says so and this build fails.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { Parts } from "./via-pkg.js";

/** Throws when pkg fails. It may leave a file that is not a program: that is removed. */
export function packViaClassic({ target, workFolder, bootFile, assets, output }: Parts): void {
  const folder = join(workFolder, "classic");
  for (const [name, file] of Object.entries(assets)) {
    const copy = join(folder, "assets", name);
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(file, copy);
  }
  cpSync(bootFile, join(folder, basename(bootFile)));
  const name = basename(output);
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name, version: "0.0.0", bin: basename(bootFile), pkg: { assets: ["assets/**/*"] } }),
  );
  const pkg = join(dirname(createRequire(import.meta.url).resolve("@yao-pkg/pkg/package.json")), "lib-es5", "bin.js");
  const spec = `node20-${target.platform}-${target.arch}`;
  try {
    execFileSync(process.execPath, [pkg, folder, "--target", spec, "--output", output, "--no-bytecode", "--public"], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (!existsSync(output)) throw new Error("pkg made no file and did not say why");
  } catch (error) {
    rmSync(output, { force: true });
    throw new Error(`pkg could not build the classic way: ${(error as Error).message}`);
  }
}
