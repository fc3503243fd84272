/** The shape of the tree, executed: who may import whom, how large files and functions get, where the outside comes in. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../src/base/asset-paths.js";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** Imports point down this list: a folder may import the rows above it and itself. Folders of one row are strangers. */
const LEVELS: readonly (readonly string[])[] = [
  ["base"],
  ["protocol", "stark", "transport"],
  ["store", "client"],
  ["verify"],
  ["lane"],
  ["broadcast", "keys", "auth", "commit", "proofs", "ops", "audit", "tlog"],
  ["api"],
  ["cli"],
  ["."],
];

/** Packages with a big surface, and the only folders that know them. */
const CONFINED: Readonly<Record<string, readonly string[]>> = {
  "uWebSockets.js": ["transport"],
  "better-sqlite3": ["store"],
  piscina: ["store", "verify", "audit", "workers"],
  "hpke-js": ["protocol"],
  "sodium-native": ["verify"],
  "prom-client": ["ops"],
  pino: ["base"],
  jose: ["auth"],
};

const BROWSER_SAFE = ["protocol", "stark", "client"];

interface SourceFile {
  readonly path: string;
  /** First folder below src, "." for src itself, "workers" for the thread entries. */
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files = [...read("src"), ...read("workers")];
/** Programs beside the service: their own imports, the same measure. */
const sized = [...files, ...read("packaging")];

describe("tidy", () => {
  it("imports point down", () => {
    const violations = files.flatMap((file) =>
      file.folder === "workers"
        ? []
        : file.imports
            .map((name) => targetFolder(file, name))
            .flatMap((target) =>
              target === null || mayImport(file.folder, target) ? [] : [`${file.path} -> ${target}`],
            ),
    );
    expect(violations).toEqual([]);
  });

  it("confines packages with a big surface to one folder each", () => {
    const violations = files.flatMap((file) =>
      file.imports.flatMap((name) => {
        const confined = Object.keys(CONFINED).find((pkg) => name === pkg || name.startsWith(`${pkg}/`));
        return confined === undefined || CONFINED[confined]!.includes(file.folder) ? [] : [`${file.path}: ${name}`];
      }),
    );
    expect(violations).toEqual([]);
  });

  it("keeps what runs in a browser free of node: imports", () => {
    const violations = files.filter(
      (file) => BROWSER_SAFE.includes(file.folder) && file.imports.some((name) => name.startsWith("node:")),
    );
    expect(violations.map((file) => file.path)).toEqual([]);
  });

  it("reads the environment and the clock in one place each", () => {
    const users = (needle: string) => files.flatMap((file) => (file.text.includes(needle) ? [file.path] : [])).sort();
    expect(users("process.env")).toEqual(["src/base/crash-point.ts", "src/cli/server-process.ts", "src/main.ts"]);
    expect(users("Date.now")).toEqual(["src/base/clock.ts", "src/client/client-clock.ts"]);
  });

  it("keeps files and functions small", () => {
    expect(sized.filter((file) => lines(file.text) > FILE_LINES_MAX).map((file) => file.path)).toEqual([]);
    expect(sized.flatMap(longFunctions)).toEqual([]);
  });

  it("names files in kebab case and leaves nothing for later in comments", () => {
    const badNames = sized.filter((file) => !/^[a-z0-9-]+(\.d)?\.ts$/.test(file.path.split("/").at(-1)!));
    expect(badNames.map((file) => file.path)).toEqual([]);
    const markers = sized.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b/.test(file.text));
    expect(markers.map((file) => file.path)).toEqual([]);
  });
});

function read(root: string): SourceFile[] {
  return (
    readdirSync(join(packageRoot, root), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => {
        const path = relative(packageRoot, join(entry.parentPath, entry.name));
        const text = readFileSync(join(packageRoot, path), "utf8");
        return { path, folder: folderOf(path), text, imports: importsOf(text) };
      })
      // AssemblyScript has its own rules and its own compiler.
      .filter((file) => !/^src\/(stark\/kernels|verify\/ed25519-kernels)\//.test(file.path))
  );
}

function folderOf(path: string): string {
  const [root, folder, ...rest] = path.split("/");
  if (root === "workers") return "workers";
  return rest.length === 0 ? "." : folder!;
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/^(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)/gms)].map(
    (match) => match[1] ?? match[2]!,
  );
}

function targetFolder(file: SourceFile, name: string): string | null {
  if (!name.startsWith(".")) return null;
  return folderOf(join(file.path, "..", name));
}

function mayImport(from: string, to: string): boolean {
  const level = (folder: string) => LEVELS.findIndex((row) => row.includes(folder));
  return from === to || level(to) < level(from);
}

function lines(text: string): number {
  return text.split("\n").length - 1;
}

/** A function is taken to end at the first closing brace in the column where its first line begins. */
function longFunctions(file: SourceFile): string[] {
  const rows = file.text.split("\n");
  const found: string[] = [];
  rows.forEach((row, start) => {
    const match = /^(\s*)(?:export |async |static |private |get |set )*(?:function\b|#?\w+(?:<.*>)?\()/.exec(row);
    const isStatement = /^\s*(?:if|for|while|switch|return|await|throw)\b|\);$/.test(row);
    if (match === null || isStatement || !/[{(]$/.test(row)) return;
    const indent = match[1]!;
    const opening = rows.slice(start).find((candidate) => candidate.startsWith(`${indent})`)) ?? "";
    if (row.endsWith("(") && !opening.endsWith("{")) return;
    const end = rows.findIndex((candidate, index) => index > start && candidate.startsWith(`${indent}}`));
    if (end - start + 1 > FUNCTION_LINES_MAX) found.push(`${file.path}:${start + 1} (${end - start + 1} lines)`);
  });
  return found;
}
