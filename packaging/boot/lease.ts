/**
 * Folders of other builds are removed when nobody has used them for long. A running program loads files late (a worker thread
 * starts when it is needed), and may run in another container on the same volume where its process cannot be seen: so
 * whoever uses a folder keeps its time of change fresh.
 */
import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

const DAY_MS = 24 * 60 * 60 * 1000;
const UNUSED_DAYS = 30;

/** Nobody needs longer to unpack. */
const UNPACKING_DAYS = 1;

export const UNPACK_PREFIX = ".unpack-";

const BUILD = /^[0-9a-f]{64}$/;

export function keepLease(folder: string): void {
  refresh(folder);
  setInterval(() => refresh(folder), DAY_MS).unref();
}

function refresh(folder: string): void {
  try {
    const now = new Date();
    utimesSync(folder, now, now);
  } catch {
    // A folder on a read-only file system, or root's: nobody can remove it either.
  }
}

/** What cannot be removed stays: the next build's first start tries again. */
export function removeUnused(root: string, id: string): void {
  for (const name of readdirSync(root)) {
    const days = name.startsWith(UNPACK_PREFIX) ? UNPACKING_DAYS : UNUSED_DAYS;
    if (name === id || !(BUILD.test(name) || name.startsWith(UNPACK_PREFIX))) continue;
    const path = join(root, name);
    try {
      if (Date.now() - statSync(path).mtimeMs > days * DAY_MS) rmSync(path, { recursive: true, force: true });
    } catch {
      // Another instance removed it first.
    }
  }
}
