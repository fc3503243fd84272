/** The files of the program in a folder: written from the assets, compared with the manifest, repaired. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  type Dirent,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { FILE_PREFIX, type Manifest, readAsset, type ShippedFile } from "./payload.js";

/** A path that is missing or changed, or does not belong there. */
export interface Difference {
  readonly path: string;
  readonly isShipped: boolean;
}

/** Writes every file into an empty folder, readable by its owner alone. */
export function unpack(folder: string, manifest: Manifest): void {
  for (const { path } of manifest.files) writeShipped(path, join(folder, path));
}

/**
 * What differs from the manifest; null when there is no folder. This finds damage and accidents. Somebody with this user's
 * rights can change a file after the check, as they can change the program itself.
 */
export function differencesOf(folder: string, { files }: Manifest): Difference[] | null {
  let found: Dirent[];
  try {
    found = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const shipped = new Set(files.map(({ path }) => path));
  const pathOf = (entry: Dirent): string => relative(folder, join(entry.parentPath, entry.name));
  // A file too many counts too: a package.json in the wrong folder changes what is loaded.
  const foreign = found
    .filter((entry) => !entry.isDirectory() && !(entry.isFile() && shipped.has(pathOf(entry))))
    .map((entry) => ({ path: pathOf(entry), isShipped: false }));
  const changed = files.filter((file) => !isAsShipped(folder, file)).map(({ path }) => ({ path, isShipped: true }));
  return [...foreign, ...changed];
}

/** File by file and never absent in between: other instances may be loading from the folder. */
export function repair(folder: string, differences: readonly Difference[], scratch: string): void {
  for (const { path, isShipped } of differences) {
    const target = join(folder, path);
    if (!isShipped) {
      rmSync(target, { force: true });
      continue;
    }
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    const fresh = join(scratch, "file");
    writeShipped(path, fresh);
    renameSync(fresh, target);
  }
}

function writeShipped(path: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const mode = path.endsWith(".node") ? 0o500 : 0o400;
  writeFileSync(target, readAsset(FILE_PREFIX + path), { mode });
  // Whatever the umask says: without the owner's bits every start would repair it.
  chmodSync(target, mode);
}

function isAsShipped(folder: string, { path, size, sha256 }: ShippedFile): boolean {
  try {
    const bytes = readFileSync(join(folder, path));
    return bytes.length === size && createHash("sha256").update(bytes).digest("hex") === sha256;
  } catch {
    return false;
  }
}
