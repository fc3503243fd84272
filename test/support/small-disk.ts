/** A real file system of a few megabytes, where root may mount one. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** Null, with a line that says so, where this process may not mount. Whoever mounts it unmounts it. */
export function mountSmallDisk(path: string, bytes: number): string | null {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path], { stdio: "pipe" });
    return path;
  } catch {
    console.log("a small file system is not tested here: mounting one needs root on Linux");
    return null;
  }
}

/** From here on nothing on it can be written, as on a snapshot that is mounted to look at it. */
export function makeReadOnly(path: string): void {
  execFileSync("mount", ["-o", "remount,ro", path]);
}

export function unmountSmallDisk(path: string): void {
  execFileSync("umount", [path]);
}
