/** What the texts of this repository name is there: files, tests, npm scripts, options; and their examples compile. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../../src/base/asset-paths.js";
import { OPTIONS } from "../../../src/options-table.js";

/** Folders with texts or with what they name; nothing generated. */
const ROOTS = [...["bench", "contracts", "deploy", "migrations", "packaging", "proto", "src", "test", "workers"]];
const files = [
  ...readdirSync(packageRoot, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : [])),
  ...ROOTS.flatMap((root) =>
    readdirSync(join(packageRoot, root), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [relative(packageRoot, join(entry.parentPath, entry.name))] : [],
    ),
  ),
];
const read = (path: string): string => readFileSync(join(packageRoot, path), "utf8");
const readmes = files.filter((path) => path.endsWith("README.md"));

/** `a/b.ts` or `b.ts` as a text says it, from any folder; `e2e/restart` is a test, `crash` or `unit/lane` a folder of them. */
function isThere(name: string): boolean {
  return files.some((path) => path === name || path.endsWith(`/${name}`)) || isTest(name);
}

function isTest(name: string): boolean {
  return existsSync(join(packageRoot, "test", `${name}.test.ts`)) || existsSync(join(packageRoot, "test", name));
}

/** What stands between backticks, outside of code blocks. */
const quoted = (text: string): string[] =>
  [...text.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner!.replace(/^(\.\.?\/)+/, ""));

describe.each(readmes)("%s", (readme) => {
  const text = read(readme);

  it("links to what is there", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => join(dirname(readme), target!));
    expect(links.filter((target) => !existsSync(join(packageRoot, target)))).toEqual([]);
  });

  it("names files and npm scripts that are there", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = quoted(text).filter((name) => /^[\w/-][\w./-]*\.(ts|mjs|c|sql|md|service|patch|wasm)$/.test(name));
    expect(named.filter((name) => !name.includes("NNNN") && !isThere(name))).toEqual([]);
    const run = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script!);
    expect(run.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});

/** What examples take for granted. */
const EXAMPLES_ARE_GIVEN = `
import type { EventEnvelope, LogAudit, Receipt, Rejection, Subscription } from "stateset-sequencer/client";
declare const tenantId: string, storeId: string, agentId: string, apiKey: string, key: string, eventId: string;
declare const saved: LogAudit["position"];
declare function load(): Subscription["position"] | null;
declare function handle(entry: unknown): Promise<void>;
declare function save(position: unknown): void;
declare interface Outbox {
  expectLog(name: string): Promise<void>;
  waiting(eventsMax: number): Promise<EventEnvelope[]>;
  settle(receipts: readonly Receipt[], rejections: readonly Rejection[]): Promise<void>;
}
`;

describe("README.md", () => {
  it("names options that there are, with their defaults", () => {
    const knobs = read("README.md")
      .split("\n")
      .filter((line) => /^\| `[A-Z_]+/.test(line));
    const named = knobs.flatMap((line) => [...line.split(" | ")[0]!.matchAll(/`([A-Z_]+)(?:=\w+)?`(?: \(([\d,]+))?/g)]);
    expect(named.length).toBeGreaterThan(8);
    for (const [, name, value] of named) {
      const option = OPTIONS[name as keyof typeof OPTIONS];
      expect(option, name).toBeDefined();
      if (value !== undefined) expect(option.default, name).toBe(Number(value.replaceAll(",", "")));
    }
  });

  it("has examples that compile under the strictest options, as those of the SDK do", () => {
    mkdirSync(join(packageRoot, "dist"), { recursive: true });
    // Inside the package, so that its name is itself.
    const folder = mkdtempSync(join(packageRoot, "dist", "examples-"));
    try {
      for (const [at, readme] of ["README.md", "src/client/README.md"].entries()) {
        const blocks = [...read(readme).matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block!);
        expect(blocks.length).toBeGreaterThan(0);
        writeFileSync(join(folder, `example-${at}.ts`), `${EXAMPLES_ARE_GIVEN}\n${blocks.join("\n")}`);
      }
      const extended = relative(folder, join(packageRoot, "tsconfig.json"));
      const options = { noEmit: true, rootDir: relative(folder, packageRoot), noUnusedLocals: false };
      const config = { extends: `./${extended}`, compilerOptions: options, include: ["*.ts"], exclude: [] };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
      const { stdout } = spawnSync(join(packageRoot, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" });
      expect(stdout).toBe("");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("src/README.md", () => {
  it("names tests that are there as the proof of each invariant", () => {
    const rows = read("src/README.md")
      .split("\n")
      .filter((line) => /^\| \d+ \|/.test(line));
    expect(rows.map((row) => Number(row.split("|")[1]))).toEqual(rows.map((_, index) => index + 1));
    for (const row of rows) {
      const proofs = quoted(row.split("|")[6]!.replace(/bench family `\w+`/, ""));
      expect(proofs.length, row).toBeGreaterThan(0);
      expect(proofs.filter((name) => !isTest(name))).toEqual([]);
    }
  });
});
