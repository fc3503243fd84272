/** What `npm pack` would publish of the built tree: the service, the SDK and their texts, and nothing that points at more. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../../src/base/asset-paths.js";

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

const read = (path: string): string => readFileSync(join(packageRoot, path), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;

describe("the npm package", () => {
  let files: string[];

  beforeAll(() => {
    const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const printed = execFileSync("npm", args, {
      cwd: packageRoot,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [packed] = Object.values(JSON.parse(printed) as Record<string, { files: { path: string }[] }>);
    files = packed!.files.map(({ path }) => path);
  });

  it("holds compiled code, migrations, licence, README and changelog, and nothing else", () => {
    const others = files.filter(
      (path) =>
        !/^dist\/(src|workers)\/.+\.(js|js\.map|d\.ts|wasm)$|^migrations\/(\w+\/\d{4}_\w+\.sql|README\.md)$/.test(path),
    );
    expect(others.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "package.json"]);
    expect(files).toContain("dist/src/stark/kernels.wasm");
    expect(files).toContain("dist/src/verify/ed25519-kernels.wasm");
  });

  it("holds every program, with its first line, and every way in, with its types", () => {
    for (const path of Object.values(manifest.bin)) {
      expect(files).toContain(path);
      expect(read(path)).toMatch(/^#!\/usr\/bin\/env .*node/);
    }
    for (const targets of Object.values(manifest.exports)) {
      for (const target of [targets.types, targets.default]) {
        const [start, end = ""] = target.slice(2).split("*") as [string, string?];
        expect(
          files.some((path) => path.startsWith(start) && path.endsWith(end)),
          target,
        ).toBe(true);
      }
    }
  });

  it("holds the text of each source that a source map names", () => {
    for (const path of files.filter((name) => name.endsWith(".map"))) {
      const { sources, sourcesContent } = JSON.parse(read(path)) as { sources: string[]; sourcesContent?: string[] };
      // Left over from a source that is gone: `prepack` removes it.
      if (!existsSync(join(packageRoot, dirname(path), sources[0]!))) continue;
      expect(sourcesContent?.length, path).toBe(sources.length);
    }
  });

  it("leaves what a service that runs from the built tree may still load, and drops what has no source", () => {
    const [build, prune] = manifest.scripts.prepack!.split(" && ") as [string, string];
    expect(build).toBe("npm run --silent build");
    const folder = mkdtempSync(join(tmpdir(), "sequencer-pack-"));
    const sources = ["src/a.ts", "src/base/b.ts", "src/stark/kernels.wasm", "workers/c.ts"];
    const built = ["src/a.js", "src/a.js.map", "src/a.d.ts", "src/base/b.js", "src/stark/kernels.wasm", "workers/c.js"];
    const leftOver = ["src/gone.js", "src/base/gone.d.ts", "src/gone/deep/d.js", "workers/gone.js.map"];
    for (const path of [...sources, ...[...built, ...leftOver].map((name) => join("dist", name))]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), "");
    }
    execFileSync("sh", ["-c", prune], { cwd: folder });
    const left = readdirSync(join(folder, "dist"), { recursive: true, withFileTypes: true });
    const files = left.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    expect(files.sort()).toEqual(built.map((name) => join(folder, "dist", name)).sort());
    rmSync(folder, { recursive: true });
  });
});
