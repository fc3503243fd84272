/** Every part of the one-file program that somebody else made: what it is, under which licence, with which text. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { packageRoot } from "../src/base/asset-paths.js";
import type { BaseNode } from "./base-node.js";
import { COMPILED_IN } from "./shipped-packages.js";
import { NODE_VERSION, type Target } from "./targets.js";

export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  readonly licenseText: string;
  readonly purl: string;
  readonly hash: { readonly algorithm: "SHA-256" | "SHA-512"; readonly hex: string };
  /** Libraries inside it, by name with their versions. */
  readonly parts: Readonly<Record<string, string>>;
}

/** Packages of a binary alone leave the text to the package that loads it. */
const LICENSE_FROM: Readonly<Record<string, string>> = {
  "@napi-rs/nice-linux-x64-gnu": "@napi-rs/nice",
  "@napi-rs/nice-linux-arm64-gnu": "@napi-rs/nice",
};

const LICENSE_FILE = /^(licen[cs]e|copying)(-\w+)?(\.(md|txt))?$/i;

/** Linked into sodium-native, which neither exports the number nor brings its licence (see `notices/`). */
const LIBSODIUM_VERSION = "1.0.21";

export function nodeComponent(target: Target, base: BaseNode): Component {
  const versions = execFileSync(base.binary, ["-p", "JSON.stringify(process.versions)"], { encoding: "utf8" });
  const { node: _, modules: _abi, napi: _api, ...parts } = JSON.parse(versions) as Record<string, string>;
  return {
    name: "node",
    version: NODE_VERSION,
    license: "MIT",
    licenseText: base.license,
    purl: `pkg:npm/${target.basePackage}`,
    hash: { algorithm: "SHA-256", hex: target.baseSha256 },
    parts,
  };
}

/** Sorted by name. Throws for a package without licence text: it may not be shipped. */
export function packageComponents(names: readonly string[]): Component[] {
  const lock = readJson(join(packageRoot, "package-lock.json")) as {
    readonly packages: Readonly<Record<string, { readonly integrity?: string; readonly name?: string }>>;
  };
  return [...new Set([...names, ...COMPILED_IN])].sort().map((name) => {
    const locked = lock.packages[`node_modules/${name}`];
    if (locked?.integrity === undefined) throw new Error(`${name} is not in package-lock.json`);
    const {
      name: realName,
      version,
      license,
    } = readJson(join(packageRoot, "node_modules", name, "package.json")) as {
      readonly name: string;
      readonly version: string;
      readonly license?: string;
    };
    if (license === undefined) throw new Error(`${name} names no licence`);
    const [scope, rest] = realName.startsWith("@") ? realName.split("/") : [null, realName];
    return {
      name: realName,
      version,
      license,
      licenseText: licenseText(LICENSE_FROM[name] ?? name) + notice(name),
      purl: `pkg:npm/${scope === null ? "" : `${encodeURIComponent(scope!)}/`}${rest}@${version}`,
      hash: { algorithm: "SHA-512", hex: sha512Of(locked.integrity) },
      parts: partsOf(name),
    };
  });
}

function partsOf(name: string): Record<string, string> {
  if (name === "sodium-native") return { libsodium: libsodiumVersion() };
  if (name !== "better-sqlite3") return {};
  const db = new Database(":memory:");
  return { sqlite: db.prepare("SELECT sqlite_version()").pluck().get() as string };
}

/** Throws when the binary does not hold the number: the package has moved on and this table has not. */
function libsodiumVersion(): string {
  const { platform, arch } = process;
  const binary = join("sodium-native", "prebuilds", `${platform}-${arch}`, "sodium-native.node");
  const isLinked = readFileSync(join(packageRoot, "node_modules", binary)).includes(`\0${LIBSODIUM_VERSION}\0`);
  if (!isLinked) throw new Error(`${binary} does not hold libsodium ${LIBSODIUM_VERSION}`);
  return LIBSODIUM_VERSION;
}

/** Texts that a package owes for what is linked into it and does not bring. */
function notice(name: string): string {
  const file = join(packageRoot, "packaging", "notices", `${name}.txt`);
  return existsSync(file) ? `\n${readFileSync(file, "utf8")}` : "";
}

function licenseText(name: string): string {
  const folder = join(packageRoot, "node_modules", name);
  const file = readdirSync(folder)
    .sort()
    .find((entry) => LICENSE_FILE.test(entry));
  if (file === undefined) throw new Error(`${name} brings no licence text`);
  return readFileSync(join(folder, file), "utf8");
}

function sha512Of(integrity: string): string {
  const [algorithm, base64] = integrity.split("-");
  if (algorithm !== "sha512") throw new Error(`integrity ${integrity} is not SHA-512`);
  return Buffer.from(base64!, "base64").toString("hex");
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
