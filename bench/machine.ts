/** Where and of what a figure was measured: without these facts it says nothing. */
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { packageRoot, packageVersion } from "../src/base/asset-paths.js";
import { hasNativeTransport } from "../src/transport/native.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the folder that holds the log. */
  readonly fileSystem: string;
}

export interface BuildFacts {
  readonly version: string;
  /** Short hash; "unknown" outside a repository. */
  readonly commit: string;
  /** The tree differed from the commit. */
  readonly isModified: boolean;
  readonly transport: "native" | "fallback";
  readonly ed25519: string;
}

export function machineFacts(dataFolder: string): MachineFacts {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(dataFolder),
  };
}

export function buildFacts(): BuildFacts {
  return {
    version: packageVersion,
    commit: git("rev-parse", "--short=10", "HEAD") ?? "unknown",
    isModified: (git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results") ?? "") !== "",
    transport: hasNativeTransport ? "native" : "fallback",
    ed25519: selectEd25519().name,
  };
}

/** File systems that lose everything with the power: a "flush" there measures nothing. */
export function isVolatile(fileSystem: string): boolean {
  return fileSystem === "tmpfs" || fileSystem === "ramfs";
}

function fileSystemOf(folder: string): string {
  const path = realpathSync(folder);
  try {
    let [best, type] = ["", "unknown"];
    for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
      const [, mount = "", mountType = ""] = line.split(" ");
      const covers = mount === "/" || path === mount || path.startsWith(`${mount}/`);
      if (mount !== "" && covers && mount.length >= best.length) [best, type] = [mount, mountType];
    }
    return type;
  } catch {
    return "unknown";
  }
}

function git(...args: string[]): string | null {
  try {
    return execFileSync("git", args, {
      cwd: packageRoot,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return null;
  }
}
