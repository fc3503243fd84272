import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes a file's content, or a folder's names, durable: a new name survives a power cut only when its folder was flushed. */
export function flushPath(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
