/**
 * The built service with a known fault, for showing that a harness notices it: a copy of it in a scratch folder with a
 * few strings replaced.
 */
import { strict as assert } from "node:assert";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/asset-paths.js";

/** One replacement in a compiled file, named by its path below `dist/`. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Returns the path of the copy's `main.js`. Throws when an edit does not fit exactly once: the fault would not be there. */
export function plantBuild(folder: string, edits: readonly Edit[]): string {
  // Of `dist` what the service runs: packages and examples come and go beside it.
  for (const part of ["dist/src", "dist/workers", "migrations", "package.json"]) {
    cpSync(join(packageRoot, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(packageRoot, "node_modules"), join(folder, "node_modules"));
  for (const { file, find, replace } of edits) {
    const path = join(folder, "dist", file);
    const pieces = readFileSync(path, "utf8").split(find);
    assert.equal(pieces.length, 2, `"${find}" is in ${file} ${pieces.length - 1} times`);
    writeFileSync(path, pieces.join(replace));
  }
  return join(folder, "dist", "src", "main.js");
}
