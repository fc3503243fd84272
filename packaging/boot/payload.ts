/** What the one file carries: every file of the program as an asset, and the manifest that lists them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getRawAsset, isSea } from "node:sea";

export interface ShippedFile {
  /** Below the folder it is unpacked into, with forward slashes. */
  readonly path: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

export interface Manifest {
  readonly version: string;
  /** SHA-256 over the list of files, hex: the name of the folder they are unpacked into. */
  readonly id: string;
  /** Sorted by path. */
  readonly files: readonly ShippedFile[];
  /** Commands by name, as in package.json's `bin`, each with its file. */
  readonly programs: Readonly<Record<string, string>>;
}

export const MANIFEST = "manifest.json";
export const LICENSES = "licenses.txt";
export const SBOM = "sbom.cdx.json";

/** Asset names of shipped files carry this prefix, so that none can stand for the manifest. */
export const FILE_PREFIX = "files/";

/** Throws when there is no such asset. */
export function readAsset(name: string): Uint8Array {
  // Classic pkg has a virtual file system beside the boot file instead of assets.
  if (!isSea()) return readFileSync(join(__dirname, "assets", name));
  return new Uint8Array(getRawAsset(name) as ArrayBuffer);
}

export function readManifest(): Manifest {
  return JSON.parse(Buffer.from(readAsset(MANIFEST)).toString("utf8")) as Manifest;
}
