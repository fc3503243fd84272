/** What `npm run package` makes: the same bytes each time, with checksums, parts and licences; nothing when a step fails. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, inject, it } from "vitest";
import { fetchBaseNode } from "../../packaging/base-node.js";
import { hostTarget } from "../../packaging/targets.js";
import { packViaPkg } from "../../packaging/via-pkg.js";
import { packageRoot } from "../../src/base/asset-paths.js";
import { buildPacked } from "../support/packed.js";

/** Measured 112 MB, of which Node is 99; more means that something went along that should not. */
const BYTES_MAX = 120e6;

const packed = inject("packedFile");
const scratch = mkdtempSync(join(tmpdir(), "sequencer-build-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What is bundled, as one text. */
function compiledProgram(): string {
  const files = ["src", "workers"].flatMap((folder) =>
    readdirSync(join(packageRoot, "dist", folder), { recursive: true, withFileTypes: true }),
  );
  const modules = files.filter((entry) => entry.isFile() && entry.name.endsWith(".js"));
  return modules.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")).join("\n");
}

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

it("two builds give the same bytes", () => {
  const again = buildPacked(scratch);
  for (const suffix of ["", ".sha256", ".cdx.json", ".licenses.txt"]) {
    expect(sha256(again + suffix)).toBe(sha256(packed + suffix));
  }
});

it("checksums are of the files beside them", () => {
  const lines = readFileSync(`${packed}.sha256`, "utf8").trim().split("\n");
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    const [sum, name] = line.split("  ");
    expect(sha256(join(dirname(packed), name!))).toBe(sum);
  }
  expect(statSync(packed).mode & 0o777).toBe(0o755);
  expect(statSync(packed).size).toBeLessThan(BYTES_MAX);
});

it("the list of parts has every package that is shipped, with version, licence and hash", () => {
  const { components, dependencies } = JSON.parse(readFileSync(`${packed}.cdx.json`, "utf8")) as {
    components: Record<string, unknown>[];
    dependencies: { ref: string; dependsOn?: string[] }[];
  };
  const { dependencies: wanted } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const program = compiledProgram();
  const imported = Object.entries(wanted).filter(([alias]) => new RegExp(`(?:from |\\()"${alias}["/]`).test(program));
  expect(imported.length).toBeGreaterThan(10);
  for (const [alias, version] of imported) {
    const [, name = alias, number = version] = /^npm:(.+)@(.+)$/.exec(version) ?? [];
    expect(components.find((component) => component.name === name)?.version, name).toBe(number);
  }
  for (const component of components) {
    expect(component).toMatchObject({
      licenses: [expect.anything()],
      hashes: [{ content: expect.stringMatching(/^[0-9a-f]{64,128}$/) }],
    });
  }
  const native = (name: string) => components.find((component) => component.name === name)!.components;
  expect(native("node")).toContainEqual(expect.objectContaining({ name: "openssl" }));
  expect(native("better-sqlite3")).toContainEqual(expect.objectContaining({ name: "sqlite" }));
  expect(native("sodium-native")).toContainEqual(expect.objectContaining({ name: "libsodium" }));
  expect(dependencies[0]!.dependsOn).toHaveLength(components.length);
});

it("the licences of all of them go along", () => {
  const text = readFileSync(`${packed}.licenses.txt`, "utf8");
  const { components } = JSON.parse(readFileSync(`${packed}.cdx.json`, "utf8")) as {
    components: { name: string; version: string }[];
  };
  for (const { name, version } of components) expect(text).toContain(`\n${name} ${version} (`);
  expect(text).toContain("Node.js is licensed for use as follows");
});

it("a base that cannot hold a program fails the build, though pkg reports success", () => {
  const target = hostTarget();
  const work = mkdtempSync(join(packageRoot, "dist", "package-test-"));
  try {
    const bin = join(work, "bin");
    const baseBinary = join(bin, "node");
    mkdirSync(bin);
    const bytes = readFileSync(fetchBaseNode(target).binary);
    bytes.write("NODE_SEA_FUSE_none", bytes.indexOf("NODE_SEA_FUSE_"));
    writeFileSync(baseBinary, bytes, { mode: 0o755 });
    const bootFile = join(work, "boot.cjs");
    writeFileSync(bootFile, "");
    const output = join(work, "packed");
    const pack = () => packViaPkg({ target, baseBinary, workFolder: work, bootFile, assets: {}, output });
    expect(pack).toThrow("pkg did not put the program into");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});

it("other machines and other Nodes are refused by name", () => {
  const host = { platform: "linux", arch: "x64", abi: "115" };
  expect(hostTarget(host).name).toBe("linux-x64");
  expect(() => hostTarget({ ...host, platform: "sunos" })).toThrow("no one-file program for sunos-x64: built on");
  expect(() => hostTarget({ ...host, abi: "127" })).toThrow("is built with Node 20");
});
