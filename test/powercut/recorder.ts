/** What a real service wrote, flushed and said, in order: `io-recorder.c`, built once with gcc where there is one. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/asset-paths.js";
import { preload } from "../support/preload.js";

/** `kind`: see `io-recorder.c`; M = a mark of the test's own. */
export interface IoRecord {
  readonly kind: string;
  readonly file: number;
  readonly at: number;
  readonly bytes: Buffer;
}

const HEAD_BYTES = 24;

export class Recorder {
  private constructor(
    readonly library: string,
    readonly log: string,
    /** What lies below this folder is recorded. It is there, and durable, before anything starts. */
    readonly root: string,
  ) {}

  /** Null, with a line that says so, where the recorder cannot be built. */
  static build(folder: string): Recorder | null {
    const library = join(folder, "io-recorder.so");
    try {
      const source = join(packageRoot, "test", "powercut", "io-recorder.c");
      execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], { stdio: "pipe" });
    } catch {
      console.log("power cuts are not simulated here: gcc on Linux is needed");
      return null;
    }
    return new Recorder(library, "", "");
  }

  /** A new recording of the processes that get its `env`. */
  into(folder: string): Recorder {
    const root = join(folder, "disk");
    mkdirSync(root, { recursive: true });
    return new Recorder(this.library, join(folder, "recording"), root);
  }

  get env(): Record<string, string> {
    return { ...preload(this.library), IO_RECORD_ROOT: this.root, IO_RECORD_LOG: this.log };
  }

  /** Puts the test's own knowledge into the order of things: what it says was known outside from here on. */
  mark(fact: unknown): void {
    const bytes = Buffer.from(JSON.stringify(fact));
    const head = Buffer.alloc(HEAD_BYTES);
    head.write("M", 0);
    head.writeUInt32LE(bytes.length, 20);
    appendFileSync(this.log, Buffer.concat([head, bytes]));
  }

  read(): IoRecord[] {
    const log = readFileSync(this.log);
    const records: IoRecord[] = [];
    for (let at = 0; at < log.length; ) {
      const length = log.readUInt32LE(at + 20);
      const bytes = log.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
      const file = Number(log.readBigUInt64LE(at + 4));
      records.push({ kind: String.fromCharCode(log[at]!), file, at: Number(log.readBigUInt64LE(at + 12)), bytes });
      at += HEAD_BYTES + length;
    }
    return records;
  }
}
