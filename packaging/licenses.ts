/** The licences of everything in the one-file program, as one text. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot, packageVersion } from "../src/base/asset-paths.js";
import type { Component } from "./components.js";

const RULE = "=".repeat(100);

export function licenses(components: readonly Component[]): string {
  const own = readFileSync(join(packageRoot, "LICENSE"), "utf8");
  const sections = components.map(({ name, version, license, licenseText, parts }) => {
    const inside = Object.entries(parts).map(([part, partVersion]) => `${part} ${partVersion}`);
    const suffix = inside.length === 0 ? "" : `\nwith ${inside.sort().join(", ")}`;
    return section(`${name} ${version} (${license})${suffix}`, licenseText);
  });
  return [section(`stateset-sequencer ${packageVersion} (MIT)`, own), ...sections].join("\n");
}

function section(title: string, text: string): string {
  return `${RULE}\n${title}\n${RULE}\n\n${text.replaceAll("\r\n", "\n").trim()}\n`;
}
