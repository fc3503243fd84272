/**
 * The list of parts in CycloneDX form. `npm sbom` lists what is installed, with a time and a random number; this lists what is in the
 * file, and the same build gives the same bytes.
 */
import { createHash } from "node:crypto";
import { packageVersion } from "../src/base/asset-paths.js";
import type { Component } from "./components.js";

/** JSON text. `id` names the build: the same files have the same serial number. */
export function sbom(id: string, targetName: string, components: readonly Component[]): string {
  const application = {
    type: "application",
    "bom-ref": `stateset-sequencer@${packageVersion}`,
    name: "stateset-sequencer",
    version: packageVersion,
    licenses: [{ license: { id: "MIT" } }],
    purl: `pkg:npm/stateset-sequencer@${packageVersion}`,
    properties: [{ name: "stateset:target", value: targetName }],
  };
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(`${id} ${targetName}`)}`,
    version: 1,
    metadata: { component: application },
    components: components.map(componentJson),
    dependencies: [
      { ref: application["bom-ref"], dependsOn: components.map(({ purl }) => purl) },
      ...components.map(({ purl }) => ({ ref: purl })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function componentJson({ name, version, license, purl, hash, parts }: Component): unknown {
  const inner = Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    type: name === "node" ? "platform" : "library",
    "bom-ref": purl,
    name,
    version,
    hashes: [{ alg: hash.algorithm, content: hash.hex }],
    licenses: [/ (OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } }],
    purl,
    ...(name === "node" ? { cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*` } : {}),
    ...(inner.length === 0
      ? {}
      : {
          components: inner.map(([part, partVersion]) => ({
            type: "library",
            "bom-ref": `${purl}#${part}`,
            name: part,
            version: partVersion,
          })),
        }),
  };
}

/** RFC 9562 version 8: the bits are the application's own, here of a hash. */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
