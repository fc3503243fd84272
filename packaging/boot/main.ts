/**
 * Entry of the one-file program: answers what needs no files, finds or unpacks the folder with the files, and goes on in the
 * command's own entry there. From then on everything is as under `node dist/src/main.js`.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { FOLDER_VARIABLE, NoFolderError, openCacheFolder } from "./cache-folder.js";
import { LICENSES, type Manifest, readAsset, readManifest, SBOM } from "./payload.js";
import { chooseProgram, MAIN_PROGRAM, NotNodeError, subcommandsOf } from "./programs.js";

/** As everywhere in this program; beside them sysexits' "cannot create" for a program without a place for its files. */
const EXIT_USAGE = 2;
const EXIT_FATAL = 70;
const EXIT_CANNOT_UNPACK = 73;

const ENTRY = "entry.cjs";

function boot(): void {
  const manifest = readManifest();
  const [, calledAs = "", ...all] = process.argv;
  const { name, path, args } = chooseProgram(calledAs, all, manifest);
  const flag = name === MAIN_PROGRAM ? args[0] : undefined;
  const answer = answerOf(flag, manifest);
  if (answer !== null) {
    // A reader that has seen enough, as `head` does, is no failure.
    process.stdout.on("error", () => process.exit());
    process.stdout.write(answer);
    return;
  }
  const folder = openCacheFolder(manifest, process.env, (line) => process.stderr.write(`${MAIN_PROGRAM}: ${line}\n`));
  if (flag === "--unpack") {
    process.stdout.write(`${folder}\n`);
    return;
  }
  if (flag === "--help" || flag === "-h" || (flag === "help" && args.length === 1))
    process.stdout.write(`${help(manifest)}\n\n`);
  // The slow stand-in of the native HTTP server would mean that this file is broken. Said explicitly, it may run.
  process.env.REQUIRE_NATIVE_TRANSPORT ||= "true";
  const file = join(folder, path);
  process.argv = [process.execPath, file, ...args];
  // Only code in real files may import other files, so the way in leads through one.
  const start = createRequire(join(folder, ENTRY))(`./${ENTRY}`) as (url: string) => Promise<unknown>;
  // A failed import is an unhandled rejection: printed with its stack, exit code 1.
  void start(pathToFileURL(file).href);
}

/** What needs no files, and so also works where there is no folder for them. */
function answerOf(flag: string | undefined, manifest: Manifest): string | null {
  if (flag === "--version") return `${manifest.version}\n`;
  if (flag === "--licenses") return Buffer.from(readAsset(LICENSES)).toString("utf8");
  if (flag === "--sbom") return Buffer.from(readAsset(SBOM)).toString("utf8");
  return null;
}

function help({ programs }: Manifest): string {
  const others = Object.keys(programs).filter((program) => program !== MAIN_PROGRAM);
  return `This file holds several commands, run by the first argument or by the name the file is called by:
${others.map((program) => `  ${subcommandsOf(program)[0]!.padEnd(24)} ${program}`).join("\n")}
and prints with --licenses the licences of everything in it, with --sbom a CycloneDX list of its parts, with --unpack the
folder of its files: $${FOLDER_VARIABLE}, else $XDG_CACHE_HOME/stateset-sequencer, ~/.cache/stateset-sequencer, or below the
temporary folder. Exit code 73: none of them can be used.`;
}

try {
  boot();
} catch (error) {
  const [code, text] = report(error as Error);
  process.stderr.write(`${MAIN_PROGRAM}: ${text}\n`);
  process.exitCode = code;
}

function report(error: Error): [number, string] {
  if (error instanceof NotNodeError) return [EXIT_USAGE, error.message];
  if (!(error instanceof NoFolderError)) return [EXIT_FATAL, error.stack ?? error.message];
  const advice = `Set ${FOLDER_VARIABLE} to a folder that is writable and not mounted noexec.`;
  return [EXIT_CANNOT_UNPACK, `${error.message}${advice}`];
}
