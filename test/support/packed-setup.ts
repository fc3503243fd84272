/** Builds the one-file program once for all tests of it, as `npm run package` does after `npm run build`. */
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { packageRoot } from "../../src/base/asset-paths.js";
import { buildPacked } from "./packed.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Its path. */
    packedFile: string;
  }
}

export default function setup(project: TestProject): void {
  project.provide("packedFile", buildPacked(join(packageRoot, "dist")));
}
