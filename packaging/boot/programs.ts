/** One file, several commands: which one a call means. */
import { basename } from "node:path";
import type { Manifest } from "./payload.js";

/** What runs when neither the name nor the first argument says otherwise. */
export const MAIN_PROGRAM = "stateset-sequencer";

export interface Program {
  readonly name: string;
  /** Its file below the unpacked folder. */
  readonly path: string;
  readonly args: readonly string[];
}

/** The first argument is a script: this was called as if it were Node. */
export class NotNodeError extends Error {
  override readonly name = "NotNodeError";
}

/**
 * In this order: a file of this very build (code that starts `process.execPath` with a file, as `fork` does, means Node and gets it),
 * the name the file was called by, the first argument. Scripts from anywhere else are refused: treating them as arguments of the
 * service would start it again, and again from there.
 */
export function chooseProgram(calledAs: string, args: readonly string[], manifest: Manifest): Program {
  const { programs } = manifest;
  const [first = "", ...rest] = args;
  const own = ownFile(first, manifest);
  if (own !== null) return { name: basename(own), path: own, args: rest };
  if (/^\/.*\.[cm]?js$/.test(first)) throw new NotNodeError(`${first} is not part of this build, and this is not Node`);
  const name = basename(calledAs);
  if (name !== MAIN_PROGRAM && Object.hasOwn(programs, name)) return { name, path: programs[name]!, args };
  const named = Object.keys(programs).find((program) => subcommandsOf(program).includes(first));
  if (named !== undefined) return { name: named, path: programs[named]!, args: rest };
  return { name: MAIN_PROGRAM, path: programs[MAIN_PROGRAM]!, args };
}

/** `stateset-sequencer-admin` may also be called `admin`. */
export function subcommandsOf(program: string): string[] {
  const prefix = `${MAIN_PROGRAM}-`;
  return program.startsWith(prefix) ? [program.slice(prefix.length), program] : [program];
}

/** `<any folder>/<id>/<path>` is one's own `path`, wherever it was unpacked: the id is a hash of the content. */
function ownFile(argument: string, { id, files }: Manifest): string | null {
  const marker = `/${id}/`;
  const at = argument.lastIndexOf(marker);
  if (at === -1) return null;
  const path = argument.slice(at + marker.length);
  return files.some((file) => file.path === path) ? path : null;
}
