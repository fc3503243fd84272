/** A disk that fails on demand, under a real service: `io-fault.c`, built once with gcc where there is one. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/asset-paths.js";
import { preload } from "../support/preload.js";

/** See `io-fault.c`. */
export type Fault = `${"write" | "sync" | "grow" | "map"} ${"ENOSPC" | "EIO" | "SHORT"} ${string} ${number}`;

export class FaultyDisk {
  private constructor(
    readonly library: string,
    readonly control: string,
  ) {}

  /** Null, with a line that says so, where it cannot be built. */
  static build(folder: string): FaultyDisk | null {
    const library = join(folder, "io-fault.so");
    try {
      const source = join(packageRoot, "test", "faults", "io-fault.c");
      execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], { stdio: "pipe" });
    } catch {
      console.log("I/O faults are not tested here: gcc on Linux is needed");
      // Of a file without tests nothing runs afterwards.
      rmSync(folder, { recursive: true, force: true });
      return null;
    }
    const disk = new FaultyDisk(library, join(folder, "fault"));
    disk.heal();
    return disk;
  }

  get env(): Record<string, string> {
    return { ...preload(this.library), IO_FAULT_CONTROL: this.control };
  }

  fail(fault: Fault): void {
    writeFileSync(this.control, fault);
  }

  heal(): void {
    writeFileSync(this.control, "");
  }
}
