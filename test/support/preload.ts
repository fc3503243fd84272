import { basename, dirname } from "node:path";

/** Environment of a process that loads `library` before all others. In LD_PRELOAD a space ends a name, in the folders it does not. */
export function preload(library: string): Record<string, string> {
  return { LD_PRELOAD: basename(library), LD_LIBRARY_PATH: dirname(library) };
}
