/**
 * Where the program's files lie on disk. Machine code and worker threads need real files, so they are unpacked once, into a
 * folder named after their content, and checked again at every start. Nothing is loaded from a folder that another user could
 * have written to.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { keepLease, removeUnused, UNPACK_PREFIX } from "./lease.js";
import type { Manifest } from "./payload.js";
import { differencesOf, repair, unpack } from "./unpacked-files.js";

export const FOLDER_VARIABLE = "STATESET_SEQUENCER_CACHE_DIR";
const FOLDER_NAME = "stateset-sequencer";

const GROUP_OR_OTHERS_WRITE = 0o022;

/** Others may repair or replace the same folder at the same time: each round one of them gets on. */
const ROUNDS_MAX = 8;

type Env = Readonly<Record<string, string | undefined>>;

/** No place to unpack into; one line per place that was tried. */
export class NoFolderError extends Error {
  override readonly name = "NoFolderError";

  constructor(readonly reasons: readonly string[]) {
    super(`no folder to unpack into:\n${reasons.map((reason) => `  ${reason}\n`).join("")}`);
  }
}

/** The folder with every file of the manifest in it. Throws NoFolderError. */
export function openCacheFolder(manifest: Manifest, env: Env, warn: (line: string) => void): string {
  const reasons: string[] = [];
  for (const place of places(env)) {
    try {
      return openIn(place, manifest, warn);
    } catch (error) {
      reasons.push(`${place}: ${(error as Error).message}`);
    }
  }
  throw new NoFolderError(reasons);
}

/** In order of preference. A place given by the operator is the only one: a typo must not end elsewhere in silence. */
function places(env: Env): string[] {
  const given = env[FOLDER_VARIABLE];
  if (given !== undefined && given !== "") return [given];
  const shared = env.XDG_CACHE_HOME ?? "";
  const home = homeFolder();
  const uid = process.getuid?.() ?? 0;
  return [
    ...(isAbsolute(shared) ? [join(shared, FOLDER_NAME)] : []),
    ...(home === null ? [] : [join(home, ".cache", FOLDER_NAME)]),
    join(tmpdir(), `${FOLDER_NAME}-${uid}`),
  ];
}

/** Null for users without one. */
function homeFolder(): string | null {
  try {
    const home = homedir();
    return isAbsolute(home) && existsSync(home) ? home : null;
  } catch {
    return null;
  }
}

function openIn(place: string, manifest: Manifest, warn: (line: string) => void): string {
  makeFolder(place);
  // The link is resolved once, before the check: what is checked is what is used.
  const root = realpathSync(place);
  refuseForeign(root);
  const folder = join(root, manifest.id);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const differences = differencesOf(folder, manifest);
    if (differences === null) unpackInto(root, folder, manifest);
    else if (differences.length > 0) {
      warn(`${folder}: ${differences[0]!.path} is not what was unpacked; repairing ${differences.length} files`);
      withFreshFolder(root, (fresh) => repair(folder, differences, fresh));
    } else {
      refuseForeign(folder);
      refuseNoexec(join(folder, anyProgram(manifest)));
      keepLease(folder);
      return folder;
    }
  }
  throw new Error("its files keep changing");
}

/** All files or none: they get their place by one rename. */
function unpackInto(root: string, folder: string, manifest: Manifest): void {
  withFreshFolder(root, (fresh) => {
    const probe = join(fresh, "probe");
    writeFileSync(probe, "", { mode: 0o500 });
    refuseNoexec(probe);
    rmSync(probe);
    unpack(fresh, manifest);
    try {
      renameSync(fresh, folder);
    } catch (error) {
      // Another instance was faster; its files are checked next.
      if (!isCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    }
  });
  removeUnused(root, manifest.id);
}

/** An empty folder on the same file system, so that what is made in it can be moved. */
function withFreshFolder(root: string, work: (fresh: string) => void): void {
  const fresh = mkdtempSync(join(root, UNPACK_PREFIX));
  try {
    work(fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Not `recursive`: that never returns below /proc on Node 20. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (isCode(error, "EEXIST")) return;
    if (!isCode(error, "ENOENT") || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

/** Root's folders are as good as one's own: an image may bring them, unpacked when it was built. */
function refuseForeign(folder: string): void {
  const { uid, mode } = statSync(folder);
  const me = process.getuid?.() ?? uid;
  if (uid !== me && uid !== 0) throw new Error(`belongs to user ${uid}`);
  if ((mode & GROUP_OR_OTHERS_WRITE) !== 0)
    throw new Error(`others may write to it (mode ${(mode & 0o777).toString(8)})`);
}

/** The kernel says of a file on a noexec mount that it cannot be executed, also to root. */
function refuseNoexec(file: string): void {
  try {
    accessSync(file, constants.X_OK);
  } catch {
    throw new Error("programs may not run from there (mounted noexec?)");
  }
}

function anyProgram({ files }: Manifest): string {
  return files.find(({ path }) => path.endsWith(".node"))!.path;
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
