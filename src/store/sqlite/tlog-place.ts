/**
 * The place where a tree was founded: a small file that is written once, known by its inode, its time of birth and its
 * random text. Copying a folder or restoring it from a backup makes other files; moving it, restarting or mounting it
 * elsewhere does not. What a local file cannot show is a snapshot of the whole disk started twice: that takes a guard file
 * outside (`signing-guard.ts`) or a witness.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { flushPath } from "../../base/flush-path.js";

/** Null when the file is not there. */
export function foundingPlace(folder: string, origin: string): string | null {
  const path = placePath(folder, origin);
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino}:${stat.birthtimeNs}:${readFileSync(path, "utf8").trim()}`;
}

export function hasFoundingPlace(folder: string, origin: string): boolean {
  return existsSync(placePath(folder, origin));
}

/** Whether checkpoints were signed in this folder, of whichever log. */
export function hasAnyFoundingPlace(folder: string): boolean {
  return readdirSync(folder).some((name) => PLACE_NAME.test(name));
}

/** Writes the file, unless a start that crashed left it, and makes it durable. */
export function createFoundingPlace(folder: string, origin: string): string {
  const path = placePath(folder, origin);
  if (!existsSync(path)) writeFileSync(path, `${randomBytes(16).toString("hex")}\n`, { mode: 0o600, flush: true });
  flushPath(folder);
  return foundingPlace(folder, origin)!;
}

const PLACE_NAME = /^tlog-[0-9a-f]{16}\.place$/;

function placePath(folder: string, origin: string): string {
  return join(folder, `tlog-${createHash("sha256").update(origin).digest("hex").slice(0, 16)}.place`);
}
