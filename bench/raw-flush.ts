/** The disk's limit: what one durable append costs with nothing around it, on the file system that holds the log. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** One SQLite page: the least a commit can write. */
const FLUSH_BYTES = 4096;

/** Milliseconds of each append + fdatasync. The file starts empty and is removed. */
export function measureRawFlush(folder: string, count: number): Float64Array {
  const path = join(folder, "raw-flush");
  const block = Buffer.alloc(FLUSH_BYTES, 0xa5);
  const flushMs = new Float64Array(count);
  const file = openSync(path, "a");
  try {
    for (let i = 0; i < count; i++) {
      const startedMs = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      flushMs[i] = performance.now() - startedMs;
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  return flushMs;
}
