/** Where the files beside the code are, from sources under test and from `dist/` alike. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json. */
export const packageRoot: string = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

export const packageVersion: string = (
  JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string }
).version;

/** Workers are threads of compiled code, also when their caller runs from source. */
export function workerPath(name: string): string {
  return join(packageRoot, "dist", "workers", `${name}.js`);
}

export function migrationsPath(store: "sqlite" | "tlog"): string {
  return join(packageRoot, "migrations", store);
}

function findPackageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (dirname(folder) === folder) throw new Error(`no package.json above ${start}`);
  }
}
