/** Counts the flushes of a dynamically linked process from inside its libc, see flush-count.c. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/asset-paths.js";

export interface FlushCounter {
  /** For the environment of the process to be counted. */
  readonly env: Readonly<Record<string, string>>;
  count(): number;
}

/** Null where there is no C compiler. */
export function makeFlushCounter(folder: string, name: string): FlushCounter | null {
  const library = join(folder, "flush-count.so");
  const file = join(folder, `flushes-${name}`);
  try {
    const source = join(packageRoot, "bench", "peers", "flush-count.c");
    execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], { stdio: "ignore" });
  } catch {
    return null;
  }
  writeFileSync(file, Buffer.alloc(8));
  return {
    env: { LD_PRELOAD: library, FLUSH_COUNT_FILE: file },
    count: () => Number(readFileSync(file).readBigUInt64LE()),
  };
}
